/* SPDX-License-Identifier: Apache-2.0 */
/* Order claim: what makes an order fixed while its billing is being recorded, and after. Which billing claims an order
 * is kept in the hash `order_claims`: field = order id, value "<billing id> <expiry>"; the expiry is a log time, or 0
 * once the billing is recorded. order_claim_service.h says how claims come and go. Threads: the loop's. */
#pragma once

#include "loop/coroutine.h"
#include "store/transaction.h"

const char *order_claims_key(const struct event_store *store, struct arena *arena);

/* Make the value of a claim, and read it: whether the billing holds it, and its expiry. */
const char *order_claim_text(struct arena *arena, const char *billing_id, int64_t expire);
bool order_claim_is_by(const char *claim, const char *billing_id);
int64_t order_claim_expiry(const char *claim);

/* Adds the guard that an order is not claimed; returns its number. */
int order_require_unclaimed(struct transaction *transaction, const char *order_id);

/* Says why a claimed order does not change: FAILED_PRECONDITION, reason ORDER_BILLED or, while the claim is open,
 * ORDER_BEING_BILLED. `claim` is the field's value. */
struct status order_change_refusal(struct arena *arena, const char *order_id, const char *claim);

/* Reads the claim's value, or NULL if there is none. Errors: as redis_command. */
coroutine_fn struct status order_claim_read(struct event_store *store, struct context *context, const char *order_id,
                                            const char **ret_claim);
