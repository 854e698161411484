/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/view_cache.h"

#include <string.h>

#include "base/key_table.h"
#include "base/message.h"
#include "base/reason.h"

/* One record of a view, as far as it is known. */
struct cached_record {
  const char *key;
  const void *bytes; /* as it is now; NULL if there is none */
  size_t size;
  void *message; /* unpacked for the handler; NULL means not yet */
  bool known, dirty;
  struct cached_record *next; /* in the list that it is in: wanted or dirty */
};

struct record_list {
  struct cached_record *first, **end;
  size_t count;
};

struct cached_view {
  const struct view *view;
  struct key_table *records;   /* struct cached_record by key */
  struct record_list wanted;   /* not known yet */
  struct record_list dirty;    /* to be written, in the order of their first change */
  struct redis_pending *asked; /* during a fetch; NULL if nothing is wanted */
  struct cached_view *next;
};

struct view_cache view_cache_of(struct event_store *store, struct arena *arena) {
  return (struct view_cache){.store = store, .arena = arena};
}

/* ---- what is known ---------------------------------------------------------------------------------------------- */

static void list_clear(struct record_list *list) {
  *list = (struct record_list){.end = &list->first};
}

static void list_add(struct record_list *list, struct cached_record *record) {
  record->next = NULL;
  *list->end = record;
  list->end = &record->next;
  list->count++;
}

static struct cached_view *view_of(struct view_cache *cache, const struct view *view) {
  for (struct cached_view *known = cache->views; known; known = known->next) {
    if (known->view == view || strcmp(known->view->name, view->name) == 0) return known;
  }
  struct cached_view *made = arena_calloc(cache->arena, 1, sizeof *made);
  made->view = view;
  made->records = key_table_new(cache->arena);
  list_clear(&made->wanted);
  list_clear(&made->dirty);
  made->next = cache->views;
  cache->views = made;
  return made;
}

static struct cached_record *record_at(struct view_cache *cache, struct cached_view *view, const char *key) {
  void **place = key_table_at(view->records, key);
  if (*place) return *place;
  struct cached_record *record = arena_calloc(cache->arena, 1, sizeof *record);
  record->key = arena_strdup(cache->arena, key);
  *place = record;
  list_add(&view->wanted, record);
  return record;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

void view_cache_want(struct view_cache *cache, const struct view *view, const char *key) {
  record_at(cache, view_of(cache, view), key);
}

static const char *hash_of(const struct view_cache *cache, const struct view *view) {
  return cache->shadow ? view_shadow_key(cache->store, cache->arena, view) : view_key(cache->store, cache->arena, view);
}

/* Asks for what is wanted of the view, beside the commit that may be under way: what that writes is known here. Returns
 * NULL if nothing is wanted. */
static struct redis_pending *ask_for_view(struct view_cache *cache, struct context *context, struct cached_view *view) {
  if (!view->wanted.first) return NULL;
  struct redis_arguments get = redis_command_of(cache->arena, "HMGET", hash_of(cache, view->view), NULL);
  for (struct cached_record *record = view->wanted.first; record; record = record->next) {
    redis_add_text(&get, record->key);
  }
  return redis_send(cache->store->reads, context, &get);
}

static coroutine_fn struct status take_view(struct redis_pending *asked, struct cached_view *view) {
  if (!asked) return status_ok();
  const struct redis_reply *reply;
  struct status status = redis_receive(asked, &reply);
  if (!status_is_ok(status)) return status;
  size_t i = 0;
  for (struct cached_record *record = view->wanted.first; record; record = record->next) {
    const struct redis_reply *bytes = redis_reply_at(reply, i++);
    record->known = true;
    record->bytes = redis_reply_text(bytes);
    record->size = record->bytes ? bytes->size : 0;
  }
  list_clear(&view->wanted);
  return status_ok();
}

/* All views in one trip. */
coroutine_fn struct status view_cache_fetch(struct view_cache *cache, struct context *context) {
  for (struct cached_view *view = cache->views; view; view = view->next) {
    view->asked = ask_for_view(cache, context, view);
  }
  struct status first = status_ok();
  for (struct cached_view *view = cache->views; view; view = view->next) {
    struct status status = take_view(view->asked, view);
    if (status_is_ok(first)) first = status;
  }
  return first;
}

coroutine_fn struct status view_cache_get(struct view_cache *cache, struct context *context, const struct view *view,
                                          const char *key, void **ret_record) {
  struct cached_view *of = view_of(cache, view);
  struct cached_record *record = record_at(cache, of, key);
  if (!record->known) {
    struct status status = take_view(ask_for_view(cache, context, of), of);
    if (!status_is_ok(status)) return status;
  }
  if (record->bytes && !record->message) {
    record->message = message_unpack(cache->arena, view->record, record->bytes, record->size);
  }
  if (record->bytes && !record->message) {
    return status_error(cache->arena, STATUS_DATA_LOSS, reason_view_undecodable, "the record %s of %s can't be decoded",
                        key, view->name);
  }
  *ret_record = record->message;
  return status_ok();
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* A record that is put without having been read must not be read over later. */
static void forget_want(struct cached_view *view, struct cached_record *record) {
  if (record->known) return;
  record->known = true;
  struct cached_record **at = &view->wanted.first;
  // What is not known gets wanted. NOLINTNEXTLINE(clang-analyzer-core.NullDereference)
  while (*at != record) at = &(*at)->next;
  *at = record->next;
  if (!*at) view->wanted.end = at;
  view->wanted.count--;
}

void view_cache_put(struct view_cache *cache, const struct view *view, const char *key, const void *bytes,
                    size_t size) {
  struct cached_view *of = view_of(cache, view);
  struct cached_record *record = record_at(cache, of, key);
  forget_want(of, record);
  record->bytes = bytes;
  record->size = size;
  record->message = NULL;
  if (record->dirty) return;
  record->dirty = true;
  list_add(&of->dirty, record);
}

size_t view_cache_changes(const struct view_cache *cache) {
  size_t changes = 0;
  for (const struct cached_view *view = cache->views; view; view = view->next) changes += view->dirty.count;
  return changes;
}

static void write_view(const struct view_cache *cache, const struct cached_view *view,
                       struct transaction *transaction) {
  struct redis_arguments fields = redis_arguments_empty(cache->arena);
  const char *key = hash_of(cache, view->view);
  for (struct cached_record *record = view->dirty.first; record; record = record->next) {
    if (!record->bytes) {
      transaction_remove_field(transaction, key, record->key);
      continue;
    }
    redis_add_text(&fields, record->key);
    redis_add_bytes(&fields, record->bytes, record->size);
  }
  transaction_set_fields(transaction, key, &fields);
}

void view_cache_write(const struct view_cache *cache, struct transaction *transaction) {
  for (const struct cached_view *view = cache->views; view; view = view->next) write_view(cache, view, transaction);
}

void view_cache_written(struct view_cache *cache) {
  for (struct cached_view *view = cache->views; view; view = view->next) {
    for (struct cached_record *record = view->dirty.first; record; record = record->next) record->dirty = false;
    list_clear(&view->dirty);
  }
}
