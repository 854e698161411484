/* SPDX-License-Identifier: Apache-2.0 */
#include "order_claim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shop_reasons.h"

const char *order_claims_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "order_claims");
}

const char *order_claim_text(struct arena *arena, const char *billing_id, int64_t expire) {
  return arena_printf(arena, "%s %" PRId64, billing_id, expire);
}

bool order_claim_is_by(const char *claim, const char *billing_id) {
  size_t length = strlen(billing_id);
  return strncmp(claim, billing_id, length) == 0 && claim[length] == ' ';
}

int64_t order_claim_expiry(const char *claim) {
  const char *space = strchr(claim, ' ');
  return space ? strtoll(space + 1, NULL, 10) : 0;
}

int order_require_unclaimed(struct transaction *transaction, const char *order_id) {
  return transaction_require_no_field(transaction, order_claims_key(transaction->store, transaction->arena), order_id);
}

struct status order_change_refusal(struct arena *arena, const char *order_id, const char *claim) {
  bool billed = order_claim_expiry(claim) == 0;
  struct status status =
      status_error(arena, STATUS_FAILED_PRECONDITION, billed ? reason_order_billed : reason_order_being_billed,
                   billed ? "order %s is billed and can't change any more"
                          : "order %s is being billed at this moment and can't change",
                   order_id);
  return status_with_resource(status, arena, "order", order_id);
}

coroutine_fn struct status order_claim_read(struct event_store *store, struct context *context, const char *order_id,
                                            const char **ret_claim) {
  struct redis_arguments get =
      redis_command_of(context->arena, "HGET", order_claims_key(store, context->arena), order_id, NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(store->commands, context, &get, &reply);
  if (status_is_ok(status)) *ret_claim = redis_reply_text(reply);
  return status;
}
