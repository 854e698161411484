/* SPDX-License-Identifier: Apache-2.0 */
/* Order claim service: how claims (order_claim.h) come and go. Billing claims an order and releases it by RPCs; the
 * events of billings make a claim permanent or end it; what nobody recorded in time expires.
 *
 * Sorted set `order_claim_expiries`: order ids with an open claim by its expiry, a log time. An open claim ends when
 * the service's position over the billing events has passed its expiry: whatever was recorded under it has then been
 * seen, and everything later is refused. */
#pragma once

#include "consumer/work.h"
#include "loop/coroutine.h"
#include "rpc/rpc_server.h"

/* The RPCs of OrderClaimService. */
enum { ORDER_CLAIM_METHODS = 2 };
extern const struct rpc_method order_claim_methods[ORDER_CLAIM_METHODS];

/* Effects of billing_created and billing_deleted. */
struct status order_claim_settle(struct work *work, const struct event *event);
coroutine_fn struct status order_claim_free(struct work *work, const struct event *event);

/* service_definition.housekeep: drops expired claims; `user` is the struct service. */
coroutine_fn struct status order_claims_expire(void *user, struct context *context, int64_t position, const char *epoch,
                                               bool *ret_tick);
