/* SPDX-License-Identifier: Apache-2.0 */
#include "archive_link.h"

#include "shop_reasons.h"
#include "store/event_store.h"

static struct status mismatch(struct arena *arena, const struct log_stream *stream, int64_t last) {
  return status_error(
      arena, STATUS_FAILED_PRECONDITION, reason_archive_mismatch,
      "the archive is not of this log, or the log has lost what was archived: events:%s has no entry %s, "
      "the last one of it in the archive",
      stream->name, log_time_text(arena, last));
}

coroutine_fn struct status archive_link_check(struct archive *archive, const struct log_streams *streams, size_t log,
                                              struct context *context) {
  struct arena *arena = context->arena;
  const struct event_store *store = log_streams_places(streams)->stores[log];
  size_t count = log_streams_count(streams);
  struct redis_pending **asked = arena_calloc(arena, count + 1, sizeof *asked);
  int64_t *lasts = arena_calloc(arena, count + 1, sizeof *lasts);
  for (size_t i = 0; i < count; i++) {
    const struct log_stream *stream = log_streams_at(streams, i);
    if (stream->log == log) lasts[i] = archive_last(archive, store->log, stream->name);
    if (lasts[i] == 0) continue;
    const char *id = log_time_text(arena, lasts[i]);
    struct redis_arguments range = redis_command_of(arena, "XRANGE", stream->key, id, id, "COUNT", "1", NULL);
    asked[i] = redis_send(store->commands, context, &range);
  }
  struct status result = status_ok();
  for (size_t i = 0; i < count; i++) {
    const struct redis_reply *reply;
    if (!asked[i]) continue;
    struct status status = redis_receive(asked[i], &reply);
    if (!status_is_ok(result)) continue;
    result = status_is_ok(status) && reply->count == 0 ? mismatch(arena, log_streams_at(streams, i), lasts[i]) : status;
  }
  return result;
}
