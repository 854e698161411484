/* SPDX-License-Identifier: Apache-2.0 */
/* Rights: whether the service's Redis user may do what every service must, asked before a caller finds out.
 *
 * What only some services need shows when they need it: their consumers try at once. Threads: the loop's. */
#pragma once

#include "loop/coroutine.h"
#include "store/event_store.h"

/* Asks Redis, and notes what is missing (redis/redis_denial.h). Loads the functions where they are missing, so that the
 * first call needn't. Failures show again in the calls that follow. */
coroutine_fn void rights_check(struct event_store *store);

/* What Redis has refused of late on any of the connections; "" means nothing. */
const char *rights_denied(const struct event_store *store);
