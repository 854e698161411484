/* SPDX-License-Identifier: Apache-2.0 */
/* Watches a descriptor in a thread of its own, for a thread that sleeps where descriptors can't wake it. */
#pragma once

#include <stdbool.h>

struct fd_watch;

/* `ready` runs in the watch's thread, once for each time that the watch was armed. Ends the process if the watch can't
 * be made. */
struct fd_watch *fd_watch_new(int fd, void (*ready)(void *argument), void *argument);

/* Watches from now on until the descriptor is readable. Returns true if it is already, and `ready` will not be called
 * for it. The owner's thread. A watch that is armed already stays so. */
bool fd_watch_arm(struct fd_watch *watch);

/* Ends the thread. `ready` is not called afterwards. */
void fd_watch_free(struct fd_watch *watch);
