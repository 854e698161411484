/* SPDX-License-Identifier: Apache-2.0 */
/* Outbox list: what the leader knows of the list `<service>_outbox`, so that it need not read what this process has
 * just committed.
 *
 * Commits of the consumer push behind, and tell what they have pushed; the deliverer takes messages in front, and reads
 * the list only where it does not know it. What is known holds for one epoch of the lease and one connection; after a
 * failure it is forgotten, and the list is read again. A removal names all messages that it removes, and Redis refuses
 * it where the list begins with others: whatever an operator has done to the list, or a function whose answer was lost,
 * only what the peer has is removed. The model is tests/model/outbox.py. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consumer/leader.h"
#include "loop/coroutine.h"
#include "redis/redis_arguments.h"

/* A message, packed; the bytes follow. */
struct outbox_message {
  struct outbox_message *next;
  size_t size;
  char bytes[];
};

struct outbox_list {
  struct event_store *store;
  const struct leader *leader;
  const char *key;
  struct outbox_message *first, **end; /* the list's first messages, as far as they are known */
  size_t count, bytes;
  bool whole;          /* it has no others */
  int64_t read_us;     /* when it was read last (clock_monotonic_us) */
  size_t pushing;      /* commits under way that push */
  uint64_t pushes;     /* such commits that have ended */
  int64_t epoch;       /* of the lease: what is known holds for it, */
  uint64_t connection; /* for it (redis_generation) */
  uint64_t redis_era;  /* and for it */
  uint64_t knowledge;  /* grows when it is forgotten: what began before tells nothing any more */
};

struct outbox_list outbox_list_of(struct event_store *store, const struct leader *leader, const char *key);

/* Forgets what is known. */
void outbox_list_forget(struct outbox_list *list);

/* Forgets what is known if it is of another epoch or connection than the present one. */
void outbox_list_refresh(struct outbox_list *list);

/* Around a commit that pushes. The first returns what the second is to be told; then come whether it was carried out
 * (false also means that nobody knows), and what it has pushed, which is copied. */
uint64_t outbox_list_push(struct outbox_list *list);
void outbox_list_pushed(struct outbox_list *list, uint64_t knowledge, bool done,
                        const struct redis_arguments *messages);

/* Reads the first messages, `max` at most, if none is known and there may be some. Yields. Errors: those of
 * redis_command. */
coroutine_fn struct status outbox_list_read(struct outbox_list *list, struct context *context, size_t max);

/* Notes that the first `count` were removed, which were known under `knowledge`. */
void outbox_list_removed(struct outbox_list *list, uint64_t knowledge, size_t count);
