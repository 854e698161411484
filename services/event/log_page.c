/* SPDX-License-Identifier: Apache-2.0 */
#include "log_page.h"

#include "loop/blocking.h"
#include "store/event_store.h"

enum {
  FETCH = 50, /* entries that Redis is asked for at once */
};

struct fetching {
  const struct log_streams *streams;
  struct archive *archive;
  struct context *context;
};

/* ---- Redis ------------------------------------------------------------------------------------------------------ */

/* ret_entries[i] is NULL if place i has no entry there. */
static coroutine_fn struct status fetch_from_redis(const struct fetching *fetching, const struct index_place *places,
                                                   size_t count, const struct redis_reply **ret_entries) {
  struct redis_pending *asked[FETCH + INDEX_TIES];
  struct context contexts[LOG_PLACES_MAX];
  const struct log_places *logs = log_streams_places(fetching->streams);
  struct arena *arena = fetching->context->arena;
  log_places_contexts(logs, fetching->context, contexts);
  for (size_t i = 0; i < count; i++) {
    const struct log_stream *stream = log_streams_at(fetching->streams, places[i].stream);
    const char *id = log_time_text(arena, places[i].log_time);
    struct redis_arguments range = redis_command_of(arena, "XRANGE", stream->key, id, id, "COUNT", "1", NULL);
    asked[i] = redis_send(logs->stores[stream->log]->reads, &contexts[stream->log], &range);
  }
  struct status result = status_ok();
  for (size_t i = 0; i < count; i++) {
    const struct redis_reply *reply;
    struct status status = redis_receive(asked[i], &reply);
    if (!status_is_ok(status)) result = status;
    ret_entries[i] = status_is_ok(status) ? redis_reply_at(reply, 0) : NULL;
  }
  return result;
}

/* ---- the archive ------------------------------------------------------------------------------------------------ */

/* What a thread does while the coroutine that made it waits. */
struct archive_search {
  struct archive *archive;
  struct arena *arena;
  struct archive_place places[FETCH + INDEX_TIES];
  size_t count;
  struct status status;
};

static void search_archive(void *argument) {
  struct archive_search *search = argument;
  search->status = archive_read(search->archive, search->arena, search->places, search->count);
}

/* Adds those that Redis has no more. It was asked first, and an entry leaves it only when it is in the archive. */
static coroutine_fn struct status fetch_from_archive(const struct fetching *fetching, const struct index_place *places,
                                                     size_t count, const struct redis_reply **entries) {
  const struct log_places *logs = log_streams_places(fetching->streams);
  struct arena *arena = fetching->context->arena;
  struct archive_search *search = arena_alloc(arena, sizeof *search);
  *search = (struct archive_search){.archive = fetching->archive, .arena = arena};
  size_t numbers[FETCH + INDEX_TIES] = {0};
  for (size_t i = 0; i < count; i++) {
    if (entries[i]) continue;
    const struct log_stream *stream = log_streams_at(fetching->streams, places[i].stream);
    numbers[search->count] = i;
    search->places[search->count++] = (struct archive_place){
        .log = logs->stores[stream->log]->log, .stream = stream->name, .log_time = places[i].log_time};
  }
  if (search->count == 0) return status_ok();
  blocking_run(search_archive, search);
  for (size_t i = 0; i < search->count; i++) entries[numbers[i]] = search->places[i].entry;
  return search->status;
}

/* ---- both ------------------------------------------------------------------------------------------------------- */

static coroutine_fn struct status fetch_some(const struct fetching *fetching, const struct index_place *places,
                                             size_t count, struct log_page *page, size_t *bytes) {
  const struct redis_reply *entries[FETCH + INDEX_TIES];
  struct status status = fetch_from_redis(fetching, places, count, entries);
  if (status_is_ok(status)) status = fetch_from_archive(fetching, places, count, entries);
  for (size_t i = 0; i < count && status_is_ok(status); i++) {
    if (!entries[i]) continue;
    const struct log_stream *stream = log_streams_at(fetching->streams, places[i].stream);
    struct log_entry *entry = &page->entries[page->count++];
    *entry = log_entry_of(fetching->context->arena, stream, entries[i]);
    *bytes += entry->entity_size + sizeof *entry;
  }
  return status;
}

/* How many to ask for next, when entries are as large as those before. */
static size_t next_count(const struct index_place *places, size_t count, size_t looked_at, size_t bytes,
                         size_t max_bytes) {
  size_t left = count - looked_at, next = left < FETCH ? left : FETCH;
  size_t each = looked_at > 0 ? bytes / looked_at + 1 : max_bytes / 16;
  size_t fit = (max_bytes - bytes) / each + 1;
  if (fit < next) next = fit;
  return index_places_with_ties(places + looked_at, left, next);
}

coroutine_fn struct status log_page_fetch(const struct log_streams *streams, struct archive *archive,
                                          struct context *context, const struct index_place *places, size_t count,
                                          size_t max_bytes, struct log_page *ret_page) {
  struct log_page page = {.entries = arena_calloc(context->arena, count + 1, sizeof *page.entries)};
  const struct fetching fetching = {.streams = streams, .archive = archive, .context = context};
  size_t bytes = 0;
  while (page.looked_at < count && bytes < max_bytes) {
    size_t some = next_count(places, count, page.looked_at, bytes, max_bytes);
    struct status status = fetch_some(&fetching, places + page.looked_at, some, &page, &bytes);
    if (!status_is_ok(status)) return status;
    page.looked_at += some;
  }
  *ret_page = page;
  return status_ok();
}
