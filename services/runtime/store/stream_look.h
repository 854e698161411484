/* SPDX-License-Identifier: Apache-2.0 */
/* Stream look: what streams hold, told by plain commands, for who may call no functions in a Redis. Threads: the
 * loop's. */
#pragma once

#include "store/known_log.h"

/* As streams_look, without groups. The user needs TYPE and XINFO STREAM. */
coroutine_fn struct status streams_look_plainly(struct event_store *store, struct context *context,
                                                const struct redis_arguments *keys,
                                                const struct stream_sight **ret_sights);
