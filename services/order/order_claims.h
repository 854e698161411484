/* SPDX-License-Identifier: Apache-2.0 */
/* Order claims: an order is fixed while its billing is being recorded, and after.
 *
 * Hash `order_claims`: field = order id, value "<billing id> <expiry>", expiry 0 once the billing is recorded. Sorted
 * set `order_claim_expiries`: order ids with an open claim by its expiry, a log time. An open claim ends when the
 * service's position over the billing events has passed its expiry: whatever was recorded under it has then been seen,
 * and everything later is refused. */
#pragma once

#include "consumer/work.h"
#include "loop/coroutine.h"
#include "rpc/rpc_server.h"

const char *order_claims_key(const struct event_store *store, struct arena *arena);

/* The RPCs of OrderClaimService. */
enum { ORDER_CLAIM_METHODS = 2 };
extern const struct rpc_method order_claim_methods[ORDER_CLAIM_METHODS];

/* Adds the guard that an order is not claimed; its number. */
int order_require_unclaimed(struct transaction *transaction, const char *order_id);

/* Why a claimed order does not change: FAILED_PRECONDITION, reason ORDER_BILLED or, while the claim is open,
 * ORDER_BEING_BILLED. `claim` is the field's value. */
struct status order_change_refusal(struct arena *arena, const char *order_id, const char *claim);

/* The claim's value, or NULL. */
coroutine_fn struct status order_claim_read(struct event_store *store, struct context *context, const char *order_id,
                                            const char **ret_claim);

/* Effects of billing_created and billing_deleted. */
struct status order_claim_settle(struct work *work, const struct event *event);
coroutine_fn struct status order_claim_free(struct work *work, const struct event *event);

/* service_definition.housekeep: drops expired claims; `user` is the struct service. */
coroutine_fn struct status order_claims_expire(void *user, struct context *context, int64_t position, const char *epoch,
                                               bool *ret_tick);
