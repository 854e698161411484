/* SPDX-License-Identifier: Apache-2.0 */
#include "archive_link.h"

#include <string.h>

#include "base/log.h"
#include "loop/blocking.h"
#include "loop/fail_point.h"
#include "shop_reasons.h"
#include "store/event_store.h"

/* ---- the record ------------------------------------------------------------------------------------------------- */

static const char *record_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_archive", store->service);
}

coroutine_fn struct status archive_link_record(struct archive *archive, struct event_store *store,
                                               struct context *context) {
  const char *until = log_time_text(context->arena, archive_until(archive, store->log));
  struct redis_arguments set = redis_command_of(context->arena, "SET", record_key(store, context->arena), until, NULL);
  const struct redis_reply *reply;
  return redis_command(store->commands, context, &set, &reply);
}

static struct status lost(struct archive *archive, const struct event_store *store, struct arena *arena,
                          const char *recorded, const char *key) {
  const char *reaches =
      archive_is_kept(archive)
          ? arena_printf(arena, "reaches up to %s", log_time_text(arena, archive_until(archive, store->log)))
          : "is none: ORDERSHOP_ARCHIVE_FOLDER names no folder";
  return status_error(arena, STATUS_FAILED_PRECONDITION, reason_archive_lost,
                      "the archive is not the one that it was: events up to %s have left Redis for it (%s), and this "
                      "one %s; where it is lost for good, ORDERSHOP_ACCEPT_LOST_ARCHIVE=%s goes on without them",
                      recorded, key, reaches, recorded);
}

coroutine_fn struct status archive_link_give_up(struct archive *archive, struct event_store *store,
                                                struct context *context) {
  struct status status = archive_link_record(archive, store, context);
  if (!status_is_ok(status)) return status;
  fail_point("archive.loss_given_up");
  log_event(LOG_WARN, "an operator gives up events that a lost archive had", "up_to", archive_given_up(archive), "log",
            store->log, NULL);
  return status;
}

static coroutine_fn struct status check_record(struct archive *archive, struct event_store *store,
                                               struct context *context, bool *ret_given_up) {
  const char *key = record_key(store, context->arena);
  struct redis_arguments get = redis_command_of(context->arena, "GET", key, NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(store->commands, context, &get, &reply);
  const char *recorded = status_is_ok(status) ? redis_reply_text(reply) : NULL;
  int64_t until;
  if (!recorded || !log_time_parse(recorded, &until) || until <= archive_until(archive, store->log)) return status;
  if (ret_given_up && strcmp(recorded, archive_given_up(archive)) == 0) {
    *ret_given_up = true;
    return status;
  }
  return lost(archive, store, context->arena, recorded, key);
}

/* ---- the last entries ------------------------------------------------------------------------------------------- */

static struct status mismatch(struct arena *arena, const struct log_stream *stream, int64_t last) {
  return status_error(
      arena, STATUS_FAILED_PRECONDITION, reason_archive_mismatch,
      "the archive is not of this log, or the log has lost what was archived: events:%s has no entry %s, "
      "the last one of it in the archive",
      stream->name, log_time_text(arena, last));
}

static coroutine_fn struct status check_lasts(struct archive *archive, const struct log_streams *streams, size_t log,
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

/* ---- both ------------------------------------------------------------------------------------------------------- */

struct refreshing {
  struct archive *archive;
  struct arena *arena;
  struct status status;
};

static void refresh(void *argument) {
  struct refreshing *refreshing = argument;
  refreshing->status = archive_refresh(refreshing->archive, refreshing->arena);
}

/* Another replica may have archived and trimmed since this one looked. */
coroutine_fn struct status archive_link_check(struct archive *archive, const struct log_streams *streams, size_t log,
                                              struct context *context, bool *ret_given_up) {
  struct refreshing refreshing = {.archive = archive, .arena = context->arena};
  blocking_run(refresh, &refreshing);
  struct status status = refreshing.status;
  if (status_is_ok(status))
    status = check_record(archive, log_streams_places(streams)->stores[log], context, ret_given_up);
  return status_is_ok(status) ? check_lasts(archive, streams, log, context) : status;
}
