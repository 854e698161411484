/* SPDX-License-Identifier: Apache-2.0 */
/* Sends the lines of --from that go together. It is for bulk.c. One thread; the counters of `struct bulk` may be read
 * by another. */
#pragma once

#include <stdatomic.h>

#include "client/cli/line/session.h"
#include "client/cli/output/progress_bar.h"

enum { BLOCK_LINES = 100, BLOCK_BYTES = 1000 * 1000 };

struct bulk_item {
  size_t line;
  ProtobufCMessage *request;  /* of the method for one */
  ProtobufCMessage *resource; /* that it carries; NULL if there is none */
};

struct bulk {
  struct session *session;
  const char *seed;                       /* of request ids */
  const ProtobufCMethodDescriptor *batch; /* NULL if there is none */
  struct progress_bar progress;
  _Atomic size_t lines, done, refused;
  _Atomic size_t unseen; /* of `done`: those that standard output should have had, but could not take */
  struct status stop;    /* not OK: an outage, or what every further line would meet; in the session's arena */
  /* The block: */
  struct arena *arena;
  struct bulk_item items[BLOCK_LINES];
  size_t count, bytes;
  bool too_big; /* for a batch: its lines go one by one */
};

/* Adds a request, and sends it at once where there are no batches. */
void bulk_block_add(struct bulk *bulk, size_t line, ProtobufCMessage *request);

/* Sends what was added and forgets the block. `last_line` tells which block it is. */
void bulk_block_send(struct bulk *bulk, size_t last_line);

/* Counts and reports a line that is not carried out. */
void bulk_refuse(struct bulk *bulk, size_t line, struct status status);
