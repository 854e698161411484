/* SPDX-License-Identifier: Apache-2.0 */
/* Reservation expiry: an attempt to record an order that nobody has recorded or released in time is dropped, and what
 * only it held is given back. It expires in log time: no event of an order can come any more that would record it. For
 * the active consumer; `epoch` is its lease's. Threads: the loop's. Errors, beside those named: as redis_command. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loop/coroutine.h"
#include "stock.h"

/* Drops the attempts whose expire time is at or before `position`, up to which all events of orders have been applied;
 * those of orders with dead letters stay, and those that need what can't be decoded, which the log tells. Errors:
 * FAILED_PRECONDITION LEASE_LOST. */
coroutine_fn struct status reservations_expire(struct stock *stock, struct context *context, const char *epoch,
                                               int64_t position);

/* The earliest expire time after `position`, or INT64_MAX where no attempt is open. */
coroutine_fn struct status reservations_next_expiry(struct stock *stock, struct context *context, int64_t position,
                                                    int64_t *ret_expire_log_time);

/* service_definition.housekeep of the inventory service: drops expired attempts, and asks for a tick when the earliest
 * one that is open is due. */
coroutine_fn struct status reservations_housekeep(void *service, struct context *context, int64_t position,
                                                  const char *epoch, bool *ret_tick);
