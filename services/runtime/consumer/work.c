/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/work.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/key_table.h"
#include "base/message.h"
#include "base/traceparent.h"
#include "base/uuid.h"
#include "consumer/lease.h"
#include "consumer/outbox_delivery.h"
#include "consumer/view_cache.h"
#include "consumer/work_commit.h"
#include "store/record.h"

enum { BYTES_LIKE_A_CHANGE = 4096 };

/* An event of a unit. */
struct work_event {
  const struct event *event;
  size_t guards, changes; /* how many the transaction had before it */
  struct work_event *before;
};

/* An entity that a unit writes, to be named if that fails. */
struct work_entity {
  int guard;
  const struct entity_type *type;
  const char *id;
  int64_t version; /* that it must have; 0 means it must not exist */
  struct work_entity *before;
};

struct work_unit {
  struct transaction transaction;
  struct redis_arguments sends;
  struct work_event *current; /* the latest event whose work it is */
  struct work_entity *entities;
  size_t bytes; /* that it puts into views and sends */
  bool committed;
};

struct work {
  struct work_options options;
  struct view_cache cache;   /* as all units leave the views */
  struct work_unit *unit;    /* the present one */
  struct key_table *changed; /* by an entity's key, the latest unit that changes it */
  bool conflict;
  struct key_table *derived; /* names of the types that the event has derived ids for, as often as it has */
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

const struct dead_letter *work_retried(const struct work *work) {
  return work->options.retried;
}

struct transaction *work_transaction(struct work *work) {
  return &work->unit->transaction;
}

/* ---- units ------------------------------------------------------------------------------------------------------ */

static void begin_unit(struct work *work) {
  struct arena *arena = work_arena(work);
  struct work_unit *unit = arena_calloc(arena, 1, sizeof *unit);
  unit->transaction = transaction_of(work->options.store, arena);
  unit->transaction.checks_kinds = true; /* one event's mistake must not leave half of the others' effects */
  transaction_require_value(&unit->transaction, lease_epoch_key(work->options.store, arena), work->options.epoch);
  unit->sends = redis_arguments_empty(arena);
  work->unit = unit;
  work->conflict = false;
}

void work_begin(struct work *work, const struct event *event) {
  struct work_event *begun = arena_alloc(work_arena(work), sizeof *begun);
  struct work_unit *unit = work->unit;
  *begun = (struct work_event){.event = event,
                               .guards = unit->transaction.guards.count,
                               .changes = unit->transaction.changes.count,
                               .before = unit->current};
  unit->current = begun;
  work->derived = NULL;
}

const char *work_fault(const struct work *work) {
  return work->unit->transaction.fault;
}

void work_discard(struct work *work) {
  work->cache = view_cache_of(work->options.store, work_arena(work));
  work->cache.shadow = work->options.shadow;
  work->changed = key_table_new(work_arena(work));
  begin_unit(work);
}

struct work *work_new(const struct work_options *options) {
  struct work *work = arena_calloc(options->context->arena, 1, sizeof *work);
  work->options = *options;
  work_discard(work);
  return work;
}

size_t work_changes(const struct work *work) {
  const struct work_unit *unit = work->unit;
  return unit->transaction.changes.count + unit->sends.count + unit->bytes / BYTES_LIKE_A_CHANGE +
         view_cache_changes(&work->cache);
}

bool work_conflicts(const struct work *work) {
  return work->conflict;
}

const struct redis_arguments *work_unit_sends(const struct work_unit *unit) {
  return &unit->sends;
}

/* ---- records of views ------------------------------------------------------------------------------------------- */

static bool check_key(struct work *work, const struct view *view, const char *key) {
  if (!view || !view->name || !view->record) {
    transaction_refuse(&work->unit->transaction, "a view without a name or the type of its records");
  } else if (!key || !*key) {
    transaction_refuse(&work->unit->transaction, "a record of %s with %s key", view->name,
                       key ? "an empty" : "NULL for its");
  } else {
    return true;
  }
  return false;
}

/* One that the definition does not name could not be built anew, and nobody would see that it exists. */
static bool check_change(struct work *work, const struct view *view, const char *key) {
  if (!check_key(work, view, key)) return false;
  for (const struct view *const *named = work->options.views; *named; named++) {
    if (strcmp((*named)->name, view->name) == 0) return true;
  }
  transaction_refuse(&work->unit->transaction, "the view %s is not among the definition's", view->name);
  return false;
}

void work_want(struct work *work, const struct view *view, const char *key) {
  if (check_key(work, view, key)) view_cache_want(&work->cache, view, key);
}

coroutine_fn struct status work_fetch(struct work *work) {
  return view_cache_fetch(&work->cache, work->options.context);
}

coroutine_fn struct status work_get(struct work *work, const struct view *view, const char *key, void **ret_record) {
  if (check_key(work, view, key)) return view_cache_get(&work->cache, work->options.context, view, key, ret_record);
  return status_error(work_arena(work), STATUS_INTERNAL, reason_change_invalid, "%s", work_fault(work));
}

/* Packed at once: the handler's message may point to its stack. */
void work_put(struct work *work, const struct view *view, const char *key, const void *record) {
  if (!check_change(work, view, key)) return;
  struct record packed = record_of(work_arena(work), view->record, record);
  if (packed.fault) {
    transaction_refuse(&work->unit->transaction, "a record of %s can't be put: %s", view->name, packed.fault);
  } else {
    view_cache_put(&work->cache, view, key, packed.bytes, packed.size);
    work->unit->bytes += packed.size;
  }
}

void work_remove(struct work *work, const struct view *view, const char *key) {
  if (check_change(work, view, key)) view_cache_put(&work->cache, view, key, NULL, 0);
}

/* ---- entities and messages -------------------------------------------------------------------------------------- */

static struct event_origin origin_of(struct work *work, const struct event *event) {
  transaction_follow(&work->unit->transaction, event->log_time);
  return (struct event_origin){.cause = event->event_id, .traceparent = event->traceparent};
}

/* The id of the next entity of the type that the event makes. */
static const char *derive_id(struct work *work, const struct entity_type *type, const struct event *event) {
  struct arena *arena = work_arena(work);
  if (!work->derived) work->derived = key_table_new(arena);
  void **place = key_table_at(work->derived, type->name);
  if (!*place) *place = arena_calloc(arena, 1, sizeof(size_t));
  size_t *count = *place, index = (*count)++;
  const char *text = index == 0 ? event->event_id : arena_printf(arena, "%s/%zu", event->event_id, index);
  return uuid_derive_text(arena, type->name, text);
}

static void note_guard(struct work *work, const struct entity_type *type, const void *entity, int64_t version,
                       int guard) {
  struct work_entity *written = arena_alloc(work_arena(work), sizeof *written);
  *written = (struct work_entity){.guard = guard,
                                  .type = type,
                                  .id = message_text(entity, "id"),
                                  .version = version,
                                  .before = work->unit->entities};
  work->unit->entities = written;
}

static void note_change(struct work *work, const struct entity_type *type, const void *entity) {
  const char *key = entity_key(work->options.store, work_arena(work), type, message_text(entity, "id"));
  void **place = key_table_at(work->changed, key);
  const struct work_unit *before = *place;
  if (before && !before->committed) work->conflict = true;
  *place = work->unit;
}

/* Returns whether it is an entity of the type at all, whatever its content. */
static bool check_entity(struct work *work, const struct entity_type *type, const void *entity) {
  const char *fault = entity_type_fault(work_arena(work), type);
  if (!fault) fault = record_type_fault(work_arena(work), type->descriptor, entity);
  if (fault) transaction_refuse(&work->unit->transaction, "an entity can't be written: %s", fault);
  return !fault;
}

void work_create(struct work *work, const struct entity_type *type, void *entity, const struct event *event) {
  if (!check_entity(work, type, entity)) return;
  struct event_origin origin = origin_of(work, event);
  if (!*message_text(entity, "id")) message_set_text(entity, "id", derive_id(work, type, event));
  note_change(work, type, entity);
  note_guard(work, type, entity, 0, entity_put_created(&work->unit->transaction, type, entity, &origin));
}

void work_update(struct work *work, const struct entity_type *type, void *entity, const struct event *event) {
  if (!check_entity(work, type, entity)) return;
  struct event_origin origin = origin_of(work, event);
  note_change(work, type, entity);
  int64_t version = message_number(entity, "version");
  note_guard(work, type, entity, version, entity_put_updated(&work->unit->transaction, type, entity, &origin));
}

/* The message as it is sent: where its type has a field `traceparent`, and it leaves that empty, with the event's. */
static const void *with_traceparent(struct work *work, const void *message) {
  const struct event *event = work->unit->current ? work->unit->current->event : NULL;
  if (!event || !traceparent_is_valid(event->traceparent)) return message;
  if (!protobuf_c_message_descriptor_get_field_by_name(work->options.outbox->message, "traceparent")) return message;
  if (*message_text(message, "traceparent")) return message;
  void *traced = message_share(work_arena(work), message);
  message_set_text(traced, "traceparent", event->traceparent);
  return traced;
}

void work_send(struct work *work, const void *message) {
  if (!work->options.outbox) {
    transaction_refuse(&work->unit->transaction, "a message can't be sent: the service has no outbox");
    return;
  }
  const ProtobufCMessageDescriptor *type = work->options.outbox->message;
  const char *fault = record_type_fault(work_arena(work), type, message);
  struct record packed = {.fault = fault};
  if (!fault) packed = record_of(work_arena(work), type, with_traceparent(work, message));
  if (packed.fault) {
    transaction_refuse(&work->unit->transaction, "a message can't be sent: %s", packed.fault);
    return;
  }
  redis_add_bytes(&work->unit->sends, packed.bytes, packed.size);
  work->unit->bytes += packed.size;
}

/* ---- commit ----------------------------------------------------------------------------------------------------- */

/* Returns the event that has added the guard or the change; an event's are those from its begin to the next one's. */
static const struct event *owner_of(const struct work_unit *unit, size_t guard, size_t change) {
  const struct work_event *at = unit->current;
  while (at && guard <= at->guards && change <= at->changes) at = at->before;
  return at ? at->event : NULL;
}

static struct work_refusal refusal_of(const struct work_unit *unit, const struct transaction_result *result) {
  struct arena *arena = unit->transaction.arena;
  struct work_refusal refusal = {.event = owner_of(unit, (size_t)result->refused_by, 0),
                                 .why = "a guard of its own does not hold"};
  const struct work_entity *at = unit->entities;
  while (at && at->guard != result->refused_by) at = at->before;
  if (!at) return refusal;
  refusal.entity = arena_printf(arena, "%s %s", at->type->name, at->id);
  refusal.version = at->version;
  refusal.actual = result->actual ? strtoll(result->actual, NULL, 10) : 0;
  if (at->version == 0) {
    refusal.why = arena_printf(arena, "%s can't be created: it exists already", refusal.entity);
  } else {
    refusal.why = arena_printf(arena, "%s can't be changed from version %" PRId64 ": %s", refusal.entity, at->version,
                               result->actual ? "it has another version now" : "there is none");
  }
  return refusal;
}

static struct status refused(const struct work_unit *unit, struct work_refusal refusal,
                             struct work_refusal *ret_refusal) {
  *ret_refusal = refusal;
  return status_error(unit->transaction.arena, STATUS_FAILED_PRECONDITION, reason_work_refused, "%s", refusal.why);
}

bool work_writes_only_views(const struct work *work) {
  return work->unit->transaction.changes.count == 0 && work->unit->sends.count == 0;
}

void work_write_views(const struct work *work, struct transaction *transaction) {
  view_cache_write(&work->cache, transaction);
}

void work_close(struct work *work) {
  struct work_unit *unit = work->unit;
  view_cache_write(&work->cache, &unit->transaction);
  if (unit->sends.count == 0) return;
  transaction_push(&unit->transaction, outbox_key(work->options.store, work_arena(work)), &unit->sends);
}

struct work_unit *work_end_unit(struct work *work) {
  struct work_unit *ended = work->unit;
  view_cache_written(&work->cache);
  begin_unit(work);
  return ended;
}

coroutine_fn struct status work_commit(struct work_unit *unit, struct context *context,
                                       struct work_refusal *ret_refusal) {
  struct transaction_result result;
  struct status status = transaction_run(&unit->transaction, context, &result);
  const struct event *wrong = owner_of(unit, 0, unit->transaction.wrong_change);
  if (wrong) return refused(unit, (struct work_refusal){.event = wrong, .why = status.message}, ret_refusal);
  if (!status_is_ok(status)) return status;
  if (result.outcome == TRANSACTION_REFUSED && result.refused_by == 1) return lease_lost(unit->transaction.arena);
  if (result.outcome != TRANSACTION_DONE) return refused(unit, refusal_of(unit, &result), ret_refusal);
  unit->committed = true;
  return status_ok();
}
