/* SPDX-License-Identifier: Apache-2.0 */
/* Reads dead letters for operators; on any replica. Nothing is of one moment: they may be retried meanwhile. Threads:
 * the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/dead_letter.h"
#include "loop/coroutine.h"
#include "redis/redis_arguments.h"
#include "redis/redis_reply.h"

/* A dead letter, as far as it is known without its event. */
struct dead_letter_sight {
  struct dead_letter letter;
  struct dead_letter_event event; /* its stream is NULL if it is not an event */
  struct dead_letter_note note;
};

/* A key, and its first dead letter. */
struct dead_letter_key_sight {
  const char *key;
  bool held, retrying;
  int64_t count; /* of its dead letters; 0: `first` is not set */
  struct dead_letter_sight first;
};

/* Lists the keys that are held or have dead letters, in the order of their bytes, each once; in the context's arena. A
 * key whose list has just become empty may be among them. Yields. Errors: those of redis_command. */
coroutine_fn struct status dead_letters_list(const struct event_store *store, struct context *context,
                                             struct redis_arguments *ret_keys);

/* Looks at `count` of the keys, those from `from` on. Yields. Errors: those of redis_command. */
coroutine_fn struct status dead_letters_look(const struct event_store *store, struct context *context,
                                             const struct redis_arguments *keys, size_t from, size_t count,
                                             struct dead_letter_key_sight *ret_sights);

/* Reads the dead letters of a key, those from number `from` on, `max` at most; in the context's arena. Yields. Errors:
 * those of redis_command. */
coroutine_fn struct status dead_letters_read(const struct event_store *store, struct context *context, const char *key,
                                             int64_t from, size_t max, struct dead_letter_sight **ret_sights,
                                             size_t *ret_count);

/* Reads the entry of an event from its stream, which lies in `store`; *ret_entry is NULL if it is gone, or may not be
 * read since the service does not subscribe to the stream any more. Yields. Errors: those of redis_command. */
coroutine_fn struct status dead_letter_read_entry(const struct event_store *store, struct context *context,
                                                  const struct dead_letter_event *event,
                                                  const struct redis_reply **ret_entry);
