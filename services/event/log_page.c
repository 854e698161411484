/* SPDX-License-Identifier: Apache-2.0 */
#include "log_page.h"

#include "store/event_store.h"

enum {
  FETCH = 50, /* entries that Redis is asked for at once */
};

static coroutine_fn struct status fetch_some(const struct log_streams *streams, struct context *context,
                                             const struct index_place *places, size_t count, struct log_page *page,
                                             size_t *bytes) {
  struct redis_pending *asked[FETCH + INDEX_TIES];
  struct context contexts[LOG_PLACES_MAX];
  const struct log_places *logs = log_streams_places(streams);
  log_places_contexts(logs, context, contexts);
  for (size_t i = 0; i < count; i++) {
    const struct log_stream *stream = log_streams_at(streams, places[i].stream);
    const char *id = log_time_text(context->arena, places[i].log_time);
    struct redis_arguments range = redis_command_of(context->arena, "XRANGE", stream->key, id, id, "COUNT", "1", NULL);
    asked[i] = redis_send(logs->stores[stream->log]->reads, &contexts[stream->log], &range);
  }
  struct status result = status_ok();
  for (size_t i = 0; i < count; i++) {
    const struct redis_reply *reply;
    struct status status = redis_receive(asked[i], &reply);
    if (!status_is_ok(status)) result = status;
    if (!status_is_ok(result) || reply->count == 0) continue;
    const struct log_stream *stream = log_streams_at(streams, places[i].stream);
    struct log_entry *entry = &page->entries[page->count++];
    *entry = log_entry_of(context->arena, stream, reply->elements[0]);
    *bytes += entry->entity_size + sizeof *entry;
  }
  return result;
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

coroutine_fn struct status log_page_fetch(const struct log_streams *streams, struct context *context,
                                          const struct index_place *places, size_t count, size_t max_bytes,
                                          struct log_page *ret_page) {
  struct log_page page = {.entries = arena_calloc(context->arena, count + 1, sizeof *page.entries)};
  size_t bytes = 0;
  while (page.looked_at < count && bytes < max_bytes) {
    size_t some = next_count(places, count, page.looked_at, bytes, max_bytes);
    struct status status = fetch_some(streams, context, places + page.looked_at, some, &page, &bytes);
    if (!status_is_ok(status)) return status;
    page.looked_at += some;
  }
  *ret_page = page;
  return status_ok();
}
