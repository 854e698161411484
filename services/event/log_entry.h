/* SPDX-License-Identifier: Apache-2.0 */
/* Log entry: an entry of the log as it lies in Redis (store/event.h has its fields), with its entity packed: what it is
 * a message of need not be known. Any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "redis/redis_reply.h"

/* A stream of the log. */
struct log_stream {
  size_t number;         /* in the order in which they were found; the index counts likewise */
  size_t log;            /* in which it lies (log_places.h) */
  const char *name;      /* "order_created" */
  const char *key;       /* in Redis */
  const char *entity;    /* "order"; "" if the name is none of <entity>_<created, updated or deleted> */
  const char *happening; /* "created"; "" likewise */
  unsigned cause_field;  /* number of the entity's own string field `cause`, which mails have; 0 if there is none */
};

struct log_entry {
  int64_t log_time;
  const struct log_stream *stream;
  const char *id;       /* "1548699678802-91" */
  const char *event_id; /* these texts are "" where there is none, or none that is UTF-8 */
  const char *cause;    /* the entry's, else the entity's own */
  const char *attempt_id, *traceparent;
  const char *entity_id; /* the entity's field 1 */
  const void *entity;    /* packed */
  size_t entity_size;
};

/* Takes an element of an XRANGE or XREAD answer apart, which the result points to. */
struct log_entry log_entry_of(struct arena *arena, const struct log_stream *stream, const struct redis_reply *entry);

/* Returns the last string field of that number in a packed message, or "" if there is none that is UTF-8. */
const char *packed_text(struct arena *arena, const void *message, size_t size, unsigned number);

/* Adds such a field to the entry's entity, or sets it: of a field that comes twice the later one counts. */
void log_entry_set_text(struct arena *arena, struct log_entry *entry, unsigned number, const char *text);

/* Returns a copy in one piece of memory, which the caller owns: free(). *ret_bytes is its size. */
struct log_entry *log_entry_copy(const struct log_entry *entry, size_t *ret_bytes);
