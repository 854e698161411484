/* SPDX-License-Identifier: Apache-2.0 */
/* Measures how long after an order's acknowledgement its mails are recorded, as this process sees both: the answer of
 * the call, and the mails' events, which a thread of its own reads from Redis. Both ends are of one clock, and one
 * blocking read at a time costs the shop little. The event of an order tells its id, the events of mails tell the event
 * that led to them. Where orders and mails lie in different places, each is read there by a thread of its own. */
#pragma once

#include "client/cli/line/command_line.h"
#include "client/load/histogram.h"

struct order_mails;

/* Mails that an order leads to: of crm and of billing. */
#define ORDER_MAILS 2

/* Begins to read at the end of the log. Where Redis is comes from the flags and variables of event_redis.h. Errors:
 * those of event_tail. The caller owns the result. */
struct status order_mails_open(struct arena *arena, const struct invocation *invocation,
                               struct order_mails **ret_mails);
void order_mails_close(struct order_mails *mails);

/* An order of this id (36 characters) was acknowledged just now. Any thread. */
void order_mails_acknowledge(struct order_mails *mails, const char *id);

/* Waits until all mails of the orders acknowledged so far are there, as long as some come at least every `patience_ms`.
 * Then adds a duration for each order, from its acknowledgement to its last mail as this process saw them, and, if both
 * are in one log, by the log times of their events, from the order's recording to that of the mail (the log times of
 * two logs can't be compared); and forgets them. Returns how many orders lack mails. */
uint64_t order_mails_collect(struct order_mails *mails, int64_t patience_ms, struct histogram *seen,
                             struct histogram *by_log_time);
