/* SPDX-License-Identifier: Apache-2.0 */
#include "archive_part.h"

#include <string.h>

#include "archive_block.h"
#include "archive_link.h"
#include "loop/blocking.h"
#include "loop/fail_point.h"
#include "shop_reasons.h"
#include "store/event_store.h"

enum { BLOCK_ENTRIES = 100 };
static const int64_t DAY_US = INT64_C(86400) * 1000 * 1000;

struct part {
  const struct archive_part_request *request;
  struct context *context; /* for the log */
  struct event_store *store;
  struct archive *archive;
  int64_t after, until;
  const struct index_place *places;
  size_t count;
  struct archive_file *file;
};

/* ---- work for another thread ------------------------------------------------------------------------------------ */

struct work {
  struct part *part;
  struct arena *arena;
  const char *stream;
  const struct redis_reply *entries; /* XRANGE's answer */
  struct status status;
};

static void create_file(void *argument) {
  struct work *work = argument;
  const struct part *part = work->part;
  const struct archive_segment segment = {.log = part->store->log,
                                          .epoch = event_log_read_of(part->request->log, part->request->number)->epoch,
                                          .after = part->after,
                                          .until = part->until,
                                          .by = part->request->by,
                                          .reason = part->request->reason};
  const char *path = archive_next_path(part->archive, work->arena);
  work->status = archive_file_create(work->arena, path, &segment, &work->part->file);
}

static int64_t log_time_at(const struct redis_reply *entries, size_t number) {
  const char *id = redis_reply_text(redis_reply_at(entries->elements[number], 0));
  return id ? log_time_of_entry(id) : 0;
}

static void add_block(void *argument) {
  struct work *work = argument;
  size_t count = work->entries->count;
  struct archive_block block = {.stream = work->stream,
                                .first = log_time_at(work->entries, 0),
                                .last = log_time_at(work->entries, count - 1),
                                .entries = count};
  block.bytes = archive_block_pack(work->arena, work->entries->elements, count, &block.size);
  work->status = archive_file_add_block(work->part->file, work->arena, &block);
}

/* How many entries the part has of a stream, and the last one; 0 if there is none. */
static struct archive_stream stream_of_part(const struct part *part, const struct log_stream *stream) {
  struct archive_stream row = {.name = stream->name};
  for (size_t i = 0; i < part->count; i++) {
    if (part->places[i].stream != stream->number) continue;
    row.entries++;
    row.last = part->places[i].log_time;
  }
  if (row.last == 0) row.last = archive_last(part->archive, part->store->log, stream->name);
  return row;
}

static void seal_file(void *argument) {
  struct work *work = argument;
  const struct part *part = work->part;
  const struct log_stream *stream;
  work->status = status_ok();
  for (size_t i = 0; status_is_ok(work->status) && (stream = event_log_stream(part->request->log, i)); i++) {
    if (stream->log != part->request->number) continue;
    const struct archive_stream row = stream_of_part(part, stream);
    if (row.last > 0) work->status = archive_file_add_stream(part->file, work->arena, &row);
  }
  if (status_is_ok(work->status)) work->status = archive_file_seal(part->file, work->arena);
}

static void add_file(void *argument) {
  struct work *work = argument;
  const struct part *part = work->part;
  work->status = archive_add(part->archive, work->arena, part->store->log, part->after, part->until);
}

static coroutine_fn struct status run(struct part *part, void (*step)(void *argument)) {
  struct work work = {.part = part, .arena = part->context->arena};
  blocking_run(step, &work);
  return work.status;
}

/* ---- which events ----------------------------------------------------------------------------------------------- */

/* Finds the first ones behind the archive; *ret_more says whether there are more than the part has. */
static coroutine_fn struct status find_places(struct part *part, bool *ret_more) {
  struct event_log *log = part->request->log;
  struct arena *arena = part->context->arena;
  size_t *streams = arena_calloc(arena, LOG_STREAMS_MAX, sizeof *streams), stream_count = 0, found;
  const struct log_stream *stream;
  for (size_t i = 0; (stream = event_log_stream(log, i)); i++) {
    if (stream->log == part->request->number) streams[stream_count++] = i;
  }
  const struct index_query query = {.streams = streams,
                                    .stream_count = stream_count,
                                    .after = part->after,
                                    .until = part->request->until,
                                    .limit = ARCHIVE_PART_EVENTS};
  struct index_place *places;
  struct status status = event_log_find(log, part->context, &query, &places, &found);
  if (!status_is_ok(status) || found == 0) return status;
  int64_t day_end = (places[0].log_time / DAY_US + 1) * DAY_US - 1;
  part->places = places;
  while (part->count < found && places[part->count].log_time <= day_end) part->count++;
  *ret_more = part->count < found || found >= ARCHIVE_PART_EVENTS;
  part->until = *ret_more ? places[part->count - 1].log_time : part->request->until;
  if (part->until > day_end) part->until = day_end;
  return status;
}

/* ---- reading and writing ---------------------------------------------------------------------------------------- */

static struct status differs(struct arena *arena, const struct log_stream *stream, int64_t first, int64_t last) {
  return status_error(arena, STATUS_FAILED_PRECONDITION, reason_archive_mismatch,
                      "events:%s does not have the entries from %s to %s that the index names: nothing is archived",
                      stream->name, log_time_text(arena, first), log_time_text(arena, last));
}

static bool are_these(const struct redis_reply *entries, const int64_t *wanted, size_t count) {
  if (entries->count != count) return false;
  for (size_t i = 0; i < count; i++) {
    if (log_time_at(entries, i) != wanted[i]) return false;
  }
  return true;
}

/* Exactly these entries must be there. */
static coroutine_fn struct status copy_block(struct part *part, struct context *context,
                                             const struct log_stream *stream, const int64_t *wanted, size_t count) {
  struct arena *arena = context->arena;
  struct redis_arguments range =
      redis_command_of(arena, "XRANGE", stream->key, log_time_text(arena, wanted[0]),
                       log_time_text(arena, wanted[count - 1]), "COUNT", arena_printf(arena, "%zu", count + 1), NULL);
  const struct redis_reply *entries;
  struct status status = redis_command(part->store->reads, context, &range, &entries);
  if (!status_is_ok(status)) return status;
  if (!are_these(entries, wanted, count)) return differs(arena, stream, wanted[0], wanted[count - 1]);
  struct work work = {.part = part, .arena = arena, .stream = stream->name, .entries = entries};
  blocking_run(add_block, &work);
  fail_point("archive.block_written");
  return work.status;
}

static coroutine_fn struct status copy_stream(struct part *part, const struct log_stream *stream) {
  struct context context = *part->context;
  struct status status = status_ok();
  int64_t wanted[BLOCK_ENTRIES];
  size_t count = 0;
  context.arena = arena_new();
  for (size_t i = 0; i <= part->count && status_is_ok(status); i++) {
    bool is_end = i == part->count;
    if (!is_end && part->places[i].stream == stream->number) wanted[count++] = part->places[i].log_time;
    if (count == 0 || (count < BLOCK_ENTRIES && !is_end)) continue;
    status = status_copy(copy_block(part, &context, stream, wanted, count), part->context->arena);
    arena_reset(context.arena);
    count = 0;
  }
  arena_free(context.arena);
  return status;
}

static coroutine_fn struct status copy_streams(struct part *part) {
  const struct log_stream *stream;
  struct status status = status_ok();
  for (size_t i = 0; status_is_ok(status) && (stream = event_log_stream(part->request->log, i)); i++) {
    if (stream->log == part->request->number) status = copy_stream(part, stream);
  }
  return status;
}

static coroutine_fn struct status write_file(struct part *part) {
  struct status status = run(part, create_file);
  if (status_is_ok(status)) status = copy_streams(part);
  if (status_is_ok(status)) status = run(part, seal_file);
  archive_file_close(part->file);
  fail_point("archive.sealed");
  if (status_is_ok(status)) status = run(part, add_file);
  fail_point("archive.added");
  return status;
}

coroutine_fn struct status archive_part_write(const struct archive_part_request *request, struct context *context,
                                              size_t *ret_events, bool *ret_more) {
  struct part part = {.request = request,
                      .context = context,
                      .store = event_log_places(request->log)->stores[request->number],
                      .archive = event_log_archive(request->log)};
  part.after = archive_until(part.archive, part.store->log);
  bool more = false;
  struct status status = status_ok();
  if (part.after < request->until) status = find_places(&part, &more);
  if (status_is_ok(status) && part.count > 0) status = write_file(&part);
  if (!status_is_ok(status)) return status;
  *ret_events = part.count;
  *ret_more = more;
  return status;
}

/* ---- trimming --------------------------------------------------------------------------------------------------- */

/* Mails are listed in the order of their created events, which alone have the bodies; an interaction is nothing but its
 * event (docs/redis.md). What services of one's own keep in their streams is not known here. */
static bool may_be_trimmed(const struct log_stream *stream) {
  if (strcmp(stream->name, "mail_created") == 0 || strcmp(stream->name, "interaction_created") == 0) return false;
  return log_places_is_of_shop(stream->entity);
}

/* Of a stream that is not archived yet nothing goes, but whether this service may trim is known before it writes. */
coroutine_fn struct status archive_trim(struct event_log *log, size_t number, struct context *context,
                                        int64_t *ret_trimmed) {
  struct event_store *store = event_log_places(log)->stores[number];
  const struct log_stream *stream;
  *ret_trimmed = 0;
  struct status status = archive_link_record(event_log_archive(log), store, context);
  for (size_t i = 0; status_is_ok(status) && (stream = event_log_stream(log, i)); i++) {
    if (stream->log != number || !may_be_trimmed(stream)) continue;
    int64_t last = archive_last(event_log_archive(log), store->log, stream->name);
    const char *id = last > 0 ? log_time_text(context->arena, last) : "0-0";
    struct redis_arguments trim = redis_command_of(context->arena, "XTRIM", stream->key, "MINID", id, NULL);
    const struct redis_reply *reply;
    status = redis_command(store->reads, context, &trim, &reply);
    int64_t gone = status_is_ok(status) ? redis_reply_number(reply, 0) : 0;
    *ret_trimmed += gone;
    if (gone > 0) fail_point("archive.stream_trimmed");
  }
  return status;
}
