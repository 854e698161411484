/* SPDX-License-Identifier: Apache-2.0 */
/* Index writer: takes entries of the log into the event index (event_index.h), which works on a file, on another
 * thread. It also tells the index of streams that it does not know yet, before their entries. One owner, one loop; one
 * of its functions may run at a time. Errors, of all: those of event_index.h. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"
#include "event_index.h"
#include "log_entry.h"
#include "log_streams.h"
#include "loop/coroutine.h"

/* Index and streams are borrowed, and must live as long. */
struct index_writer {
  struct event_index *index;
  const struct log_streams *streams;
  size_t known; /* streams that the index knows: the first ones */
};

/* Adds entries, and moves the index to these positions, all or nothing. */
coroutine_fn struct status index_writer_add(struct index_writer *writer, struct arena *arena,
                                            const struct log_entry *entries, size_t count,
                                            const struct positions *positions);

/* Does the same for rows. */
coroutine_fn struct status index_writer_add_rows(struct index_writer *writer, struct arena *arena,
                                                 const struct index_row *rows, size_t count,
                                                 const struct positions *positions);

/* Returns the row of an entry. */
struct index_row index_writer_row(const struct log_entry *entry);

/* Takes everything out of the index. */
coroutine_fn struct status index_writer_clear(struct index_writer *writer, struct arena *arena);
