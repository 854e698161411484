/* SPDX-License-Identifier: Apache-2.0 */
/* Rights: asks whether the service's Redis user may do what every service must, before a caller finds out.
 *
 * A missing right that only some services need shows when they use it, which their consumers do at once. Threads: the
 * loop's. */
#pragma once

#include "loop/coroutine.h"
#include "store/event_store.h"

/* Asks Redis, and notes what is missing (redis/redis_denial.h). Loads the functions where they are missing, so that the
 * first call needn't. Failures show again in the calls that follow. Of a store that only reads, nothing is asked: what
 * it lacks shows at once. */
coroutine_fn void rights_check(struct event_store *store);

/* What Redis has refused of late on any of the connections; "" means nothing. */
const char *rights_denied(const struct event_store *store);
