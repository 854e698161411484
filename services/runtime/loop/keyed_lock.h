/* SPDX-License-Identifier: Apache-2.0 */
/* Keyed lock: coroutines that work at the same thing, which a key names, do so one after another, in the order in which
 * they came. A lock takes memory only while somebody holds it or waits for it. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loop/coroutine.h"

enum { KEYED_LOCK_BUCKETS = 256 };

/* One that holds a lock or waits for it. It lies on the stack of its coroutine. */
struct keyed_lock_holder {
  const char *key;
  bool holds;
  struct coroutine *coroutine;
  struct keyed_lock_holder *next, *previous; /* in the bucket, by arrival */
};

/* A zero-initialised one is ready to use. */
struct keyed_locks {
  struct {
    struct keyed_lock_holder *first, *last;
  } buckets[KEYED_LOCK_BUCKETS];
};

/* Yields until the lock is free. `key` must live until the release. Returns false if `deadline_us` (clock_monotonic_us)
 * came first, and there is nothing to release. */
coroutine_fn bool keyed_lock_acquire(struct keyed_locks *locks, struct keyed_lock_holder *holder, const char *key,
                                     int64_t deadline_us);

/* Releases the lock. The one that has waited longest for the same key holds it from now on. */
void keyed_lock_release(struct keyed_locks *locks, struct keyed_lock_holder *holder);
