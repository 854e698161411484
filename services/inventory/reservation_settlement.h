/* SPDX-License-Identifier: Apache-2.0 */
/* Reservation settlement: what the events of orders do to reservations (stock.h). The order's last event says what it
 * holds; an attempt that it has recorded is closed. For the active consumer. Threads: the loop's. */
#pragma once

#include <stddef.h>

#include "consumer/dead_letter.h"
#include "loop/coroutine.h"
#include "stock.h"
#include "store/event.h"

/* Applies events of orders (order_created, _updated, _deleted), in their order, and moves the stored positions with
 * them. `epoch` is the consumer's lease's. `retried` is NULL, or the dead letter that the one event is: that is taken
 * off instead, and if somebody else has taken it off, nothing is done. Errors: FAILED_PRECONDITION LEASE_LOST (the
 * lease has another epoch: what was applied before that stays); as stock_change_run. */
coroutine_fn struct status reservations_settle(struct stock *stock, struct context *context, const char *epoch,
                                               const struct event *const *events, size_t count,
                                               const struct dead_letter *retried);
