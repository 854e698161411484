/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log_loss.h"

#include <inttypes.h>
#include <string.h>

#include "base/uuid.h"

void log_losses_add(struct log_losses *losses, const struct log_loss *loss) {
  if (losses->count == losses->capacity) {
    size_t capacity = losses->capacity ? losses->capacity * 2 : 8;
    struct log_loss *rows = arena_calloc(losses->arena, capacity, sizeof *rows);
    if (losses->count > 0) memcpy(rows, losses->rows, losses->count * sizeof *rows);
    losses->rows = rows;
    losses->capacity = capacity;
  }
  losses->rows[losses->count++] = *loss;
}

/* Where a log that goes on ends says nothing of what it lacks. */
const char *log_losses_etag(const struct log_losses *losses) {
  const char *all = "";
  for (size_t i = 0; i < losses->count; i++) {
    const struct log_loss *loss = &losses->rows[i];
    bool moves = loss->kind == LOG_LOSS_POSITION && !*loss->stream;
    all = arena_printf(losses->arena, "%s%d %s %" PRId64 " %s %s\n", all, (int)loss->kind, loss->stream, loss->end,
                       loss->field, moves ? "" : loss->value);
  }
  return losses->count > 0 ? uuid_derive_text(losses->arena, "losses of a log", all) : "";
}

const char *log_loss_text(struct arena *arena, const struct event_store *store, const struct log_loss *loss) {
  const char *what = loss->kind == LOG_LOSS_GAP ? "the log has a gap" : "the log was reset";
  return arena_printf(arena, "%s: %s; `log status %s` shows what is lost, `log accept %s` goes on without it", what,
                      loss->detail, store->service, store->service);
}
