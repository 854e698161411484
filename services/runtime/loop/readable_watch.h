/* SPDX-License-Identifier: Apache-2.0 */
/* Readable watch: has a function called on the loop's own stack while a descriptor is readable, for libraries that wait
 * for their own sockets (an epoll descriptor is one that can be watched). The loop's thread. */
#pragma once

struct loop;
struct readable_watch;

/* From now on `run` is called in each turn in which the descriptor is readable. The watch must be closed before the
 * descriptor is, and before loop_free. */
struct readable_watch *readable_watch_open(struct loop *loop, int descriptor, void (*run)(void *argument),
                                           void *argument);

/* `run` is not called afterwards. Loop's stack. NULL is allowed. */
void readable_watch_close(struct readable_watch *watch);
