/* SPDX-License-Identifier: Apache-2.0 */
/* Watchdog: a thread beside a running loop that notices when a coroutine doesn't give way, because it blocks or
 * computes for long: nothing else runs then, no call, no lease, no health. It says so in the log, once when it has
 * lasted for a second and once when it is over, with the coroutine's label. What lasts for a minute is taken for an
 * endless loop: the process ends, so that what started it can start it again, and an event that ended it again and
 * again is dead-lettered. Time in which the process itself was stopped doesn't count. */
#pragma once

struct scheduler;
struct watchdog;

/* To be called around the run of the scheduler's loop, by its thread. */
struct watchdog *watchdog_start(struct scheduler *scheduler);
void watchdog_stop(struct watchdog *watchdog);

/* Returns what loop_stall returns. The loop's thread. */
const char *watchdog_stall(struct watchdog *watchdog);
