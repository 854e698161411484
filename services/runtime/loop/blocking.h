/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking work: file systems and libraries that wait must not do so on the loop's thread, which they would stop. */
#pragma once

#include "loop/coroutine.h"

/* Runs `run` on a thread of libuv's pool, and yields until it has returned. There are few such threads (four, unless
 * UV_THREADPOOL_SIZE says otherwise), and name look-ups need them, too: work of seconds belongs on threads of its own.
 * Meanwhile `argument`, and what it points to, is `run`'s alone. For coroutines. */
coroutine_fn void blocking_run(void (*run)(void *argument), void *argument);
