/* SPDX-License-Identifier: Apache-2.0 */
/* Log loss: something that a log lacks, as operators are told of it, and what is stored when they accept that. Threads:
 * the loop's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "store/store_connections.h"

enum log_loss_kind {
  LOG_LOSS_END = 1,  /* it ends before what is known of it */
  LOG_LOSS_ENTRY,    /* an entry that was known is gone, and what came with it */
  LOG_LOSS_EPOCH,    /* it is another log */
  LOG_LOSS_POSITION, /* a stored position lies past its end */
  LOG_LOSS_GAP,      /* entries were removed before they were applied */
};

struct log_loss {
  enum log_loss_kind kind;
  const char *stream; /* name; "" means the log as a whole */
  int64_t after, end; /* log times: the loss is after the first, which is 0 if it is unknown, and up to the second */
  const char *detail; /* a sentence without its beginning and its full stop */
  /* The field of the hash of positions (position_key) that is set to `value` when the loss is accepted. */
  const char *field, *value;
};

/* All that a log lacks; it lives in its arena. */
struct log_losses {
  struct arena *arena;
  struct log_loss *rows;
  size_t count, capacity;
};

void log_losses_add(struct log_losses *losses, const struct log_loss *loss);

/* Names what was found: other losses have another name. "" if there are none. */
const char *log_losses_etag(const struct log_losses *losses);

/* What is wrong and what an operator can do: "the log was reset: ...". */
const char *log_loss_text(struct arena *arena, const struct event_store *store, const struct log_loss *loss);
