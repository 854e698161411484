#include "event/work.h"

#include <stdbool.h>
#include <string.h>

#include "base/message.h"
#include "event/key_table.h"
#include "event/lease.h"
#include "event/work_page.h"

enum {
  FIELDS_AT_ONCE = 2000, /* Lua hands at most some 8,000 values to a command */
  BYTES_LIKE_A_CHANGE = 4096,
};

/* One record of a view, as far as it is known. */
struct work_record {
  const char *key;
  const void *bytes; /* as it is now; NULL: there is none */
  size_t size;
  void *message; /* unpacked for the handler; NULL: not yet */
  bool known, dirty;
  struct work_record *next; /* in the list that it is in: wanted or dirty */
};

struct record_list {
  struct work_record *first, **end;
  size_t count;
};

struct work_view {
  const struct view *view;
  struct key_table *records; /* struct work_record by key */
  struct record_list wanted; /* not known yet */
  struct record_list dirty;  /* to be written, in the order of their first change */
  struct work_view *next;
};

struct work {
  struct work_options options;
  struct work_view *views;
  struct transaction transaction;
  struct redis_arguments sends;
  struct key_table *changed; /* keys of the entities that the present part changes */
  bool conflict;
  size_t bytes; /* that the present part puts into views and sends */
};

struct context *work_context(struct work *work) {
  return work->options.context;
}

struct event_store *work_store(struct work *work) {
  return work->options.store;
}

struct arena *work_arena(struct work *work) {
  return work->options.context->arena;
}

void *work_user(struct work *work) {
  return work->options.user;
}

const char *work_epoch(struct work *work) {
  return work->options.epoch;
}

struct status work_lease_lost(struct work *work) {
  return status_error(work_arena(work), STATUS_FAILED_PRECONDITION, "LEASE_LOST", "the lease is another replica's");
}

struct transaction *work_transaction(struct work *work) {
  return &work->transaction;
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

static void begin_part(struct work *work) {
  struct arena *arena = work_arena(work);
  work->transaction = transaction_of(work->options.store, arena);
  transaction_require_value(&work->transaction, lease_epoch_key(work->options.store, arena), work->options.epoch);
  work->sends = redis_arguments_empty(arena);
  work->changed = key_table_new(arena);
  work->conflict = false;
  work->bytes = 0;
}

struct work *work_new(const struct work_options *options) {
  struct work *work = arena_calloc(options->context->arena, 1, sizeof *work);
  work->options = *options;
  begin_part(work);
  return work;
}

void work_discard(struct work *work) {
  work->views = NULL;
  begin_part(work);
}

size_t work_changes(const struct work *work) {
  size_t changes = work->transaction.change_count + work->sends.count + work->bytes / BYTES_LIKE_A_CHANGE;
  for (const struct work_view *view = work->views; view; view = view->next) changes += view->dirty.count;
  return changes;
}

bool work_conflicts(const struct work *work) {
  return work->conflict;
}

size_t work_sends(const struct work *work) {
  return work->sends.count;
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static void list_clear(struct record_list *list) {
  *list = (struct record_list){.end = &list->first};
}

static void list_add(struct record_list *list, struct work_record *record) {
  record->next = NULL;
  *list->end = record;
  list->end = &record->next;
  list->count++;
}

static struct work_view *view_of(struct work *work, const struct view *view) {
  for (struct work_view *known = work->views; known; known = known->next) {
    if (known->view == view || strcmp(known->view->name, view->name) == 0) return known;
  }
  struct work_view *made = arena_calloc(work_arena(work), 1, sizeof *made);
  made->view = view;
  made->records = key_table_new(work_arena(work));
  list_clear(&made->wanted);
  list_clear(&made->dirty);
  made->next = work->views;
  work->views = made;
  return made;
}

static struct work_record *record_of(struct work *work, struct work_view *view, const char *key) {
  void **place = key_table_at(view->records, key);
  if (*place) return *place;
  struct work_record *record = arena_calloc(work_arena(work), 1, sizeof *record);
  record->key = arena_strdup(work_arena(work), key);
  *place = record;
  list_add(&view->wanted, record);
  return record;
}

void work_want(struct work *work, const struct view *view, const char *key) {
  record_of(work, view_of(work, view), key);
}

static struct status fetch_view(struct work *work, struct work_view *view) {
  if (!view->wanted.first) return status_ok();
  struct arena *arena = work_arena(work);
  struct redis_arguments get = redis_command_of(arena, "HMGET", view_key(work->options.store, arena, view->view), NULL);
  for (struct work_record *record = view->wanted.first; record; record = record->next) {
    redis_add_text(&get, record->key);
  }
  const struct redis_reply *reply;
  struct status status = redis_command(work->options.store->commands, work->options.context, &get, &reply);
  if (!status_is_ok(status)) return status;
  size_t i = 0;
  for (struct work_record *record = view->wanted.first; record; record = record->next) {
    const struct redis_reply *bytes = redis_reply_at(reply, i++);
    record->known = true;
    record->bytes = redis_reply_text(bytes);
    record->size = record->bytes ? bytes->size : 0;
  }
  list_clear(&view->wanted);
  return status_ok();
}

struct status work_fetch(struct work *work) {
  for (struct work_view *view = work->views; view; view = view->next) {
    struct status status = fetch_view(work, view);
    if (!status_is_ok(status)) return status;
  }
  return status_ok();
}

struct status work_get(struct work *work, const struct view *view, const char *key, void **ret_record) {
  struct work_view *of = view_of(work, view);
  struct work_record *record = record_of(work, of, key);
  if (!record->known) {
    struct status status = fetch_view(work, of);
    if (!status_is_ok(status)) return status;
  }
  if (!record->bytes) {
    *ret_record = NULL;
    return status_ok();
  }
  if (!record->message) {
    record->message = message_unpack(work_arena(work), view->record, record->bytes, record->size);
  }
  if (!record->message) {
    return status_error(work_arena(work), STATUS_DATA_LOSS, "VIEW_UNDECODABLE", "the record %s of %s can't be decoded",
                        key, view->name);
  }
  *ret_record = record->message;
  return status_ok();
}

/* A record that is put without having been read must not be read over later. */
static void forget_want(struct work_view *view, struct work_record *record) {
  if (record->known) return;
  record->known = true;
  struct work_record **at = &view->wanted.first;
  // What is not known is wanted. NOLINTNEXTLINE(clang-analyzer-core.NullDereference)
  while (*at != record) at = &(*at)->next;
  *at = record->next;
  if (!*at) view->wanted.end = at;
  view->wanted.count--;
}

static void change_record(struct work *work, const struct view *view, const char *key, const void *bytes, size_t size) {
  struct work_view *of = view_of(work, view);
  struct work_record *record = record_of(work, of, key);
  forget_want(of, record);
  record->bytes = bytes;
  record->size = size;
  record->message = NULL;
  work->bytes += size;
  if (record->dirty) return;
  record->dirty = true;
  list_add(&of->dirty, record);
}

/* Packed at once: the handler's message may point to its stack. */
void work_put(struct work *work, const struct view *view, const char *key, const void *record) {
  size_t size;
  const void *bytes = message_pack(work_arena(work), record, &size);
  change_record(work, view, key, bytes, size);
}

void work_remove(struct work *work, const struct view *view, const char *key) {
  change_record(work, view, key, NULL, 0);
}

/* ---- entities and messages -------------------------------------------------------------------------------------- */

static struct event_origin origin_of(struct work *work, const struct event *event) {
  if (work->transaction.after < event->log_time) work->transaction.after = event->log_time;
  return (struct event_origin){.cause = event->event_id, .traceparent = event->traceparent};
}

static void note_change(struct work *work, const struct entity_type *type, const void *entity) {
  const char *key = entity_key(work->options.store, work_arena(work), type, message_text(entity, "id"));
  void **place = key_table_at(work->changed, key);
  if (*place) work->conflict = true;
  *place = work;
}

void work_create(struct work *work, const struct entity_type *type, void *entity, const struct event *event) {
  struct event_origin origin = origin_of(work, event);
  note_change(work, type, entity);
  entity_put_created(&work->transaction, type, entity, &origin);
}

void work_update(struct work *work, const struct entity_type *type, void *entity, const struct event *event) {
  struct event_origin origin = origin_of(work, event);
  note_change(work, type, entity);
  entity_put_updated(&work->transaction, type, entity, &origin);
}

void work_send(struct work *work, const void *message) {
  size_t size;
  const void *bytes = message_pack(work_arena(work), message, &size);
  redis_add_bytes(&work->sends, bytes, size);
  work->bytes += size;
}

/* ---- commit ----------------------------------------------------------------------------------------------------- */

static void write_view(struct work *work, struct work_view *view) {
  struct arena *arena = work_arena(work);
  struct redis_arguments fields = redis_arguments_empty(arena);
  const char *key = view_key(work->options.store, arena, view->view);
  for (struct work_record *record = view->dirty.first; record; record = record->next) {
    if (!record->bytes) {
      transaction_remove_field(&work->transaction, key, record->key);
      continue;
    }
    redis_add_text(&fields, record->key);
    redis_add_bytes(&fields, record->bytes, record->size);
    if (fields.count < FIELDS_AT_ONCE) continue;
    transaction_set_fields(&work->transaction, key, &fields);
    fields = redis_arguments_empty(arena);
  }
  if (fields.count > 0) transaction_set_fields(&work->transaction, key, &fields);
}

static void write_sends(struct work *work) {
  struct redis_arguments values = redis_arguments_empty(work_arena(work));
  for (size_t i = 0; i < work->sends.count; i++) {
    redis_add_bytes(&values, work->sends.values[i], work->sends.sizes[i]);
    if (values.count < FIELDS_AT_ONCE && i + 1 < work->sends.count) continue;
    transaction_push(&work->transaction, work->options.outbox_key, &values);
    values = redis_arguments_empty(work_arena(work));
  }
}

static void begin_next_part(struct work *work) {
  for (struct work_view *view = work->views; view; view = view->next) {
    for (struct work_record *record = view->dirty.first; record; record = record->next) record->dirty = false;
    list_clear(&view->dirty);
  }
  begin_part(work);
}

struct status work_commit(struct work *work) {
  struct arena *arena = work_arena(work);
  for (struct work_view *view = work->views; view; view = view->next) write_view(work, view);
  write_sends(work);
  struct transaction_result result;
  struct status status = transaction_run(&work->transaction, work->options.context, &result);
  if (!status_is_ok(status)) return status;
  if (result.outcome == TRANSACTION_REFUSED && result.refused_by == 1) {
    return status_error(arena, STATUS_FAILED_PRECONDITION, "LEASE_LOST", "the lease has the epoch %s now, not %s",
                        result.actual ? result.actual : "none", work->options.epoch);
  }
  if (result.outcome != TRANSACTION_DONE) {
    return status_error(arena, STATUS_FAILED_PRECONDITION, "WORK_INCONSISTENT",
                        "guard %d refuses the work of a page: it found %s", result.refused_by,
                        result.actual ? result.actual : "nothing, or a key that should not exist");
  }
  begin_next_part(work);
  return status_ok();
}
