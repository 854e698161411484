/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/keyed_lock.h"

#include <stddef.h>
#include <string.h>

#include "base/hash.h"
#include "loop/coroutine.h"

static size_t bucket_of(const char *key) {
  return hash_text(key) % KEYED_LOCK_BUCKETS;
}

static void append(struct keyed_locks *locks, struct keyed_lock_holder *holder) {
  size_t bucket = bucket_of(holder->key);
  holder->next = NULL;
  holder->previous = locks->buckets[bucket].last;
  *(holder->previous ? &holder->previous->next : &locks->buckets[bucket].first) = holder;
  locks->buckets[bucket].last = holder;
}

static void remove_holder(struct keyed_locks *locks, struct keyed_lock_holder *holder) {
  size_t bucket = bucket_of(holder->key);
  *(holder->previous ? &holder->previous->next : &locks->buckets[bucket].first) = holder->next;
  *(holder->next ? &holder->next->previous : &locks->buckets[bucket].last) = holder->previous;
}

/* The first from `holder` on with that key, or NULL. */
static struct keyed_lock_holder *first_of(struct keyed_lock_holder *holder, const char *key) {
  while (holder && strcmp(holder->key, key) != 0) holder = holder->next;
  return holder;
}

coroutine_fn bool keyed_lock_acquire(struct keyed_locks *locks, struct keyed_lock_holder *holder, const char *key,
                                     int64_t deadline_us) {
  *holder = (struct keyed_lock_holder){.key = key, .coroutine = coroutine_self()};
  append(locks, holder);
  holder->holds = first_of(locks->buckets[bucket_of(key)].first, key) == holder;
  while (!holder->holds) {
    bool in_time = coroutine_yield_until(deadline_us);
    if (in_time || holder->holds) continue;
    remove_holder(locks, holder);
    return false;
  }
  return true;
}

void keyed_lock_release(struct keyed_locks *locks, struct keyed_lock_holder *holder) {
  struct keyed_lock_holder *heir = first_of(holder->next, holder->key);
  remove_holder(locks, holder);
  if (!heir) return;
  heir->holds = true;
  coroutine_wake(heir->coroutine);
}
