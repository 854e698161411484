/* SPDX-License-Identifier: Apache-2.0 */
/* Stock calls: how the order service asks inventory to reserve stock (proto/ordershop/internal/v1/stock.proto).
 *
 * Under load, reservations of several orders travel in one BatchReserveStock (rpc/call_line.h); one that waits alone is
 * a ReserveStock. An inventory that is older and has no batches is asked one by one: for 10 s it gets no batch again.
 * Threads: the loop's. */
#pragma once

#include <ordershop/internal/v1/stock.pb-c.h>

#include "loop/coroutine.h"
#include "service/service.h"

struct stock_calls;

/* Lives as long as the service, which it belongs to. */
struct stock_calls *stock_calls_new(struct service *service);

/* Reserves for an order of `caller`; the context's deadline is this step's. *ret_sent: inventory may have been asked,
 * and may have reserved, unless the status says otherwise. Errors: as ReserveStock, and as service_call;
 * DEADLINE_EXCEEDED, also where the caller has gone before it was sent. */
coroutine_fn struct status stock_calls_reserve(struct stock_calls *calls, struct rpc_call *caller,
                                               struct context *context,
                                               const Ordershop__Internal__V1__ReserveStockRequest *request,
                                               bool *ret_sent);
