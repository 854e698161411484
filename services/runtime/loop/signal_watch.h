/* SPDX-License-Identifier: Apache-2.0 */
/* Signal watch: has a function called on the loop's own stack when the process gets a signal. The loop's thread. */
#pragma once

struct loop;
struct signal_watch;

/* From now on `run` is called with the signal's number. The watch must be closed before loop_free. */
struct signal_watch *signal_watch_open(struct loop *loop, int number, void (*run)(void *argument, int number),
                                       void *argument);

/* Closes the watch; the signal does again what it did before. */
void signal_watch_close(struct signal_watch *watch);
