/* SPDX-License-Identifier: Apache-2.0 */
/* Order record: how an order gets its stock and is recorded: reserve, record, answer (see docs/guarantees.md).
 *
 * Each try has an attempt id of its own. What the inventory holds for an attempt is settled by the order's event, which
 * carries the attempt id; is given back here when the order is certain not to be recorded with it, since that was
 * refused or not even tried (the caller's time was over, or the caller had gone); and expires otherwise. Neither half
 * is begun unless there is time for both. */
#pragma once

#include <ordershop/v1/order.pb-c.h>

#include "loop/coroutine.h"
#include "rpc/rpc_server.h"
#include "store/request_record.h"

/* How long a stock reservation lasts (ORDERSHOP_RESERVATION_SECONDS). */
extern int64_t order_reservation_seconds;

/* How a change of an order is recorded; both take the entity as it will be. */
struct order_change {
  const char *what; /* "created", "updated": for the answer of an earlier same request */
  Ordershop__V1__Order *order;
};

enum order_outcome {
  ORDER_RECORDED, /* *ret_reply is the answer */
  ORDER_CHANGED,  /* somebody else has changed the order meanwhile: read it again */
};

/* Errors: FAILED_PRECONDITION (OUT_OF_STOCK, ORDER_BILLED, ORDER_BEING_BILLED), ABORTED (RESERVATION_EXPIRED),
 * ALREADY_EXISTS (created), UNAVAILABLE and the like; after the last ones it is unknown whether the order was
 * recorded. */
coroutine_fn struct status order_reserve_and_record(struct rpc_call *call, const struct request_record *record,
                                                    const struct order_change *change, enum order_outcome *ret_outcome,
                                                    const void **ret_reply);
