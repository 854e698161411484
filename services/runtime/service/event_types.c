/* SPDX-License-Identifier: Apache-2.0 */
#include "service/event_types.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/uuid.h"
#include "loop/fail_point.h"
#include "service/resource.h"
#include "service/type_changes.h"
#include "service/type_set.h"
#include "store/known_log.h"

enum { TYPES_MAX = 64, TRIES_MAX = 100 };

struct event_type {
  const char *entity, *message; /* "gift_card", "coupon.v1.GiftCard" */
  const char *hash;             /* of the set: its name */
  ProtobufCBinaryData set;
};

struct event_types {
  struct service *service;
  struct event_store *store;
  const struct descriptor_index *index;
  struct event_type types[TYPES_MAX];
  size_t count;
  const char *version;  /* the name of all sets together */
  const char *accepted; /* the version that may write whatever breaks; "" means none */

  uint64_t recorded_at;            /* redis_generation of `commands` */
  char epoch[LOG_EPOCH_SIZE];      /* of the log that it was recorded in; "" if that had none yet */
  char told_epoch[LOG_EPOCH_SIZE]; /* that the store had been told when it was recorded */
  bool recorded, recording;
  struct condition over;
  const char *broken; /* NULL if nothing is */
  char trouble[256];
};

/* ---- the service's own ------------------------------------------------------------------------------------------ */

static bool has_type(const struct event_types *types, const char *entity) {
  for (size_t i = 0; i < types->count; i++) {
    if (strcmp(types->types[i].entity, entity) == 0) return true;
  }
  return false;
}

static struct status add_type(struct event_types *types, const struct entity_type *entity) {
  struct arena *arena = types->service->arena;
  if (types->count == TYPES_MAX) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_definition_invalid,
                        "the service's definition has more than %d resources", TYPES_MAX);
  }
  struct event_type type = {.entity = entity->name, .message = entity->descriptor->name};
  struct status status = type_set_of(arena, types->index, type.message, &type.set);
  if (!status_is_ok(status)) return status;
  type.hash = uuid_derive(arena, "descriptors", type.set.data, type.set.len);
  types->types[types->count++] = type;
  return status;
}

static struct status add_types(struct event_types *types, const struct rpc_service *service) {
  struct status status = status_ok();
  for (size_t i = 0; i < service->methods.count && status_is_ok(status); i++) {
    const struct resource *resource = service->methods.rows[i].resource;
    if (resource && !has_type(types, resource->type->name)) status = add_type(types, resource->type);
  }
  return status;
}

static const char *name_version(const struct event_types *types, struct arena *arena) {
  const char *all = "";
  for (size_t i = 0; i < types->count; i++) {
    all = arena_printf(arena, "%s%s %s\n", all, types->types[i].entity, types->types[i].hash);
  }
  return uuid_derive_text(arena, "descriptors of a version", all);
}

struct status event_types_new(struct service *service, const struct descriptor_index *index, const char *accepted,
                              struct event_types **ret_types) {
  const struct service_definition *definition = service->definition;
  *ret_types = NULL;
  if (!definition->descriptor_set.bytes) return status_ok();
  struct event_types *types = arena_calloc(service->arena, 1, sizeof *types);
  types->service = service;
  types->store = service->store;
  types->index = index;
  types->accepted = accepted;
  struct status status = status_ok();
  for (int i = 0; i < SERVICE_CONTRACTS && definition->services[i].descriptor && status_is_ok(status); i++) {
    status = add_types(types, &definition->services[i]);
  }
  if (!status_is_ok(status) || types->count == 0) return status;
  types->version = name_version(types, service->arena);
  snprintf(types->trouble, sizeof types->trouble, "the descriptors of its events are not recorded yet");
  *ret_types = types;
  return status;
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

/* Cuts the first line off; false if there is none left. */
static bool next_line(struct arena *arena, const char **text, const char **ret_line) {
  if (!**text) return false;
  size_t size = strcspn(*text, "\n");
  *ret_line = arena_memdup(arena, *text, size);
  *text += size + ((*text)[size] == '\n');
  return true;
}

static bool has_line(struct arena *arena, const char *text, const char *wanted) {
  const char *line;
  while (next_line(arena, &text, &line)) {
    if (strcmp(line, wanted) == 0) return true;
  }
  return false;
}

bool event_types_next_row(struct arena *arena, const char **text, struct event_types_row *ret_row) {
  const char *line;
  if (!next_line(arena, text, &line)) return false;
  char *rest = arena_strdup(arena, line);
  const char *words[] = {"", "", "", ""};
  for (size_t i = 0; i < sizeof words / sizeof *words && rest; i++) words[i] = strsep(&rest, " ");
  *ret_row = (struct event_types_row){
      .from = words[0], .hash = words[1], .message = words[2], .anew = strcmp(words[3], "anew") == 0};
  return true;
}

/* What is written of an entity. */
struct written {
  const char *text;              /* "" means nothing */
  struct event_types_row newest; /* all empty then */
  bool has_own;                  /* the service's own set is among those that the newest one can read */
};

static struct written written_of(struct arena *arena, const char *text, const char *own_hash) {
  struct written written = {.text = text};
  while (event_types_next_row(arena, &text, &written.newest)) {
    written.has_own = (written.has_own && !written.newest.anew) || strcmp(written.newest.hash, own_hash) == 0;
  }
  return written;
}

/* ---- what there is ---------------------------------------------------------------------------------------------- */

struct look {
  struct event_types *types;
  struct context *context;
  struct arena *arena; /* the context's */
  struct position end; /* of the log */
  const char *versions, *entities;
  struct written written[TYPES_MAX];
  const char *changes; /* lines; "" if nothing stored would break */
  bool anew;           /* the last set and the service's own can't read what the other has written */
};

static const char *key_of(const struct look *look, const char *name) {
  return redis_key(look->types->store->commands, look->arena, "%s_descriptors", name);
}

static struct redis_pending *ask(struct look *look, const char *name, const char *field) {
  struct redis_arguments get = redis_command_of(look->arena, "HGET", key_of(look, name), field, NULL);
  return redis_send(look->types->store->commands, look->context, &get);
}

static coroutine_fn struct status told(struct redis_pending *asked, const char **ret_text) {
  const struct redis_reply *reply = NULL;
  struct status status = redis_receive(asked, &reply);
  const char *text = status_is_ok(status) ? redis_reply_text(reply) : NULL;
  *ret_text = text ? text : "";
  return status;
}

/* All that a version that is known needs. */
static coroutine_fn struct status read_service(struct look *look) {
  struct event_store *store = look->types->store;
  const char *service = store->service, *clock;
  struct redis_arguments get = redis_command_of(look->arena, "GET", clock_key(store, look->arena), NULL);
  struct redis_pending *asked[] = {redis_send(store->commands, look->context, &get), ask(look, service, "versions"),
                                   ask(look, service, "entities")};
  const char **texts[] = {&clock, &look->versions, &look->entities};
  struct status status = status_ok();
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
    struct status one = told(asked[i], texts[i]);
    if (status_is_ok(status)) status = one;
  }
  if (status_is_ok(status)) (void)clock_parse(clock, &look->end);
  return status;
}

static coroutine_fn struct status read_written(struct look *look) {
  struct event_types *types = look->types;
  struct redis_pending *asked[TYPES_MAX];
  struct status status = status_ok();
  for (size_t i = 0; i < types->count; i++) asked[i] = ask(look, types->types[i].entity, "written");
  for (size_t i = 0; i < types->count; i++) {
    const char *text;
    struct status one = told(asked[i], &text);
    if (status_is_ok(status)) status = one;
    look->written[i] = written_of(look->arena, text, types->types[i].hash);
  }
  return status;
}

/* ---- what would break ------------------------------------------------------------------------------------------- */

/* Where none is stored, none can break: an operator may have archived them. */
static coroutine_fn struct status has_events(struct look *look, const char *entity, bool *ret_any) {
  static const char *const happenings[] = {"created", "updated", "deleted"};
  struct event_store *store = look->types->store;
  struct redis_arguments keys = redis_arguments_empty(look->arena);
  for (size_t i = 0; i < sizeof happenings / sizeof *happenings; i++) {
    redis_add_text(&keys,
                   event_stream_key(store, look->arena, arena_printf(look->arena, "%s_%s", entity, happenings[i])));
  }
  const struct stream_sight *streams;
  struct status status = streams_look(store, look->context, &keys, false, &streams);
  *ret_any = false;
  for (size_t i = 0; status_is_ok(status) && i < keys.count; i++) *ret_any = *ret_any || streams[i].length > 0;
  return status;
}

/* What is done on the loop's stack: types may be nested deeply. */
struct comparison {
  struct arena *arena;
  const struct event_type *type;
  const struct event_types_row *newest;
  const struct redis_reply *set;
  const char *changes;
};

static void compare_sets(void *argument) {
  struct comparison *comparison = argument;
  struct arena *arena = comparison->arena;
  const struct event_type *type = comparison->type;
  const struct event_types_row *newest = comparison->newest;
  const char *bytes = redis_reply_text(comparison->set);
  const Google__Protobuf__FileDescriptorSet *before =
                                                bytes ? type_set_unpack(arena, bytes, comparison->set->size) : NULL,
                                            *now = type_set_unpack(arena, type->set.data, type->set.len);
  if (!before) {
    comparison->changes =
        arena_printf(arena, "\n  %s: its stored descriptors, %s, can't be decoded", newest->message, newest->hash);
  } else if (strcmp(type->message, newest->message) != 0) {
    comparison->changes =
        arena_printf(arena, "\n  %s: events of %s are %s now", newest->message, type->entity, type->message);
  } else {
    comparison->changes = type_changes(arena, type->message, before, now);
  }
}

static coroutine_fn struct status compare_type(struct look *look, size_t number) {
  const struct event_type *type = &look->types->types[number];
  const struct written *written = &look->written[number];
  struct comparison comparison = {.arena = look->arena, .type = type, .newest = &written->newest};
  struct status status = redis_receive(ask(look, type->entity, written->newest.hash), &comparison.set);
  if (!status_is_ok(status)) return status;
  coroutine_on_loop_stack(compare_sets, &comparison);
  if (!*comparison.changes) return status;
  bool any = false;
  status = has_events(look, type->entity, &any);
  look->anew = true;
  if (any) look->changes = arena_printf(look->arena, "%s%s", look->changes, comparison.changes);
  return status;
}

/* Of entities that the service no longer has; its messages may still have their type, if another service does. */
static coroutine_fn struct status compare_former(struct look *look) {
  const char *entities = look->entities, *line;
  struct status status = status_ok();
  while (status_is_ok(status) && next_line(look->arena, &entities, &line)) {
    char *message = arena_strdup(look->arena, line);
    const char *entity = strsep(&message, " ");
    if (!message || has_type(look->types, entity) || descriptor_index_symbol(look->types->index, message) >= 0)
      continue;
    bool any = false;
    status = has_events(look, entity, &any);
    if (any) look->changes = arena_printf(look->arena, "%s\n  %s: is gone", look->changes, message);
  }
  return status;
}

static coroutine_fn struct status compare_all(struct look *look) {
  struct status status = status_ok();
  look->changes = "";
  look->anew = false;
  for (size_t i = 0; i < look->types->count && status_is_ok(status); i++) {
    if (*look->written[i].text && !look->written[i].has_own) status = compare_type(look, i);
  }
  return status_is_ok(status) ? compare_former(look) : status;
}

static struct status refuse(const struct look *look) {
  struct event_types *types = look->types;
  const char *service = types->store->service;
  types->broken = arena_printf(
      types->service->arena,
      "stored events would break by the descriptors of this version:%s\n"
      "Give each field and value its number, type and name back, or reserve the number of what is gone. To go on all "
      "the same, when\nno other version of %s runs and nobody needs to read the events so far as they were, start it "
      "with "
      "%s=%s",
      look->changes, service, brand_variable(types->service->definition->brand, look->arena, "ACCEPT_DESCRIPTORS"),
      types->version);
  return status_error(look->arena, STATUS_UNAVAILABLE, reason_definition_invalid, "%s", types->broken);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* Sets two fields of a hash if the first is still what was read. */
static coroutine_fn struct status write(struct look *look, const char *name, const char *field, const char *before,
                                        const char *after, const char *more, const void *bytes, size_t size,
                                        bool *ret_done) {
  struct event_store *store = look->types->store;
  struct redis_arguments keys = redis_arguments_empty(look->arena), values = redis_arguments_empty(look->arena);
  redis_add_text(&keys, key_of(look, name));
  redis_add_text(&values, field);
  redis_add_text(&values, before);
  redis_add_text(&values, after);
  redis_add_text(&values, more);
  redis_add_bytes(&values, bytes, size);
  const struct redis_reply *reply = NULL;
  struct status status =
      redis_function_call(store->commands, look->context, store->library, "descriptors_write", &keys, &values, &reply);
  *ret_done = status_is_ok(status) && redis_reply_number(reply, 0) == 1;
  return status;
}

static coroutine_fn struct status write_type(struct look *look, size_t number, bool *ret_done) {
  const struct event_type *type = &look->types->types[number];
  const struct written *written = &look->written[number];
  *ret_done = written->has_own;
  if (written->has_own) return status_ok();
  bool is_first = !*written->text;
  const char *from = is_first || look->end.log_time == 0 ? "0-0" : log_time_text(look->arena, look->end.log_time);
  const char *after = arena_printf(look->arena, "%s%s %s %s%s\n", written->text, from, type->hash, type->message,
                                   look->anew && !is_first ? " anew" : "");
  return write(look, type->entity, "written", written->text, after, type->hash, type->set.data, type->set.len,
               ret_done);
}

/* What the versions so far would write can't be read any more: they may not. */
static coroutine_fn struct status write_service(struct look *look, bool *ret_done) {
  struct event_types *types = look->types;
  const char *versions = arena_printf(look->arena, "%s%s\n", look->anew ? "" : look->versions, types->version);
  const char *entities = look->anew ? "" : look->entities;
  for (size_t i = 0; i < types->count; i++) {
    const char *line = arena_printf(look->arena, "%s %s", types->types[i].entity, types->types[i].message);
    if (!has_line(look->arena, entities, line)) entities = arena_printf(look->arena, "%s%s\n", entities, line);
  }
  return write(look, types->store->service, "versions", look->versions, versions, "entities", entities,
               strlen(entities), ret_done);
}

/* A process that ends in between leaves what the next one completes: the version comes last, and until it is there
 * nothing is appended. */
static coroutine_fn struct status write_all(struct look *look, bool *ret_done) {
  struct status status = status_ok();
  *ret_done = true;
  for (size_t i = 0; i < look->types->count && status_is_ok(status) && *ret_done; i++) {
    status = write_type(look, i, ret_done);
  }
  fail_point("descriptors_written");
  if (status_is_ok(status) && *ret_done) status = write_service(look, ret_done);
  return status;
}

/* ---- recording -------------------------------------------------------------------------------------------------- */

/* *ret_done is false if another process has written something meanwhile. */
static coroutine_fn struct status try_to_record(struct look *look, bool *ret_done) {
  struct event_types *types = look->types;
  struct status status = read_service(look);
  *ret_done = status_is_ok(status) && has_line(look->arena, look->versions, types->version);
  if (!status_is_ok(status) || *ret_done) return status;
  status = read_written(look);
  if (status_is_ok(status)) status = compare_all(look);
  if (!status_is_ok(status)) return status;
  if (*look->changes && strcmp(types->accepted, types->version) != 0) return refuse(look);
  look->anew = look->anew || *look->changes;
  status = write_all(look, ret_done);
  if (status_is_ok(status) && *ret_done && *look->changes)
    log_event(LOG_WARN, "stored events break, which is accepted", "detail", look->changes, NULL);
  return status;
}

static coroutine_fn struct status record(struct event_types *types, struct context *context) {
  uint64_t connection = redis_generation(types->store->commands);
  char told_epoch[LOG_EPOCH_SIZE];
  snprintf(told_epoch, sizeof told_epoch, "%s", types->store->latest.epoch);
  bool done = false;
  struct look look = {.types = types, .context = context, .arena = context->arena};
  struct status status = status_ok();
  for (int i = 0; i < TRIES_MAX && status_is_ok(status) && !done; i++) status = try_to_record(&look, &done);
  if (status_is_ok(status) && !done) {
    status = status_error(context->arena, STATUS_UNAVAILABLE, reason_overloaded,
                          "others write the descriptors of the events again and again");
  }
  types->trouble[0] = '\0';
  if (!status_is_ok(status)) {
    snprintf(types->trouble, sizeof types->trouble, "the descriptors of its events can't be recorded: %s",
             status.message);
    return status;
  }
  types->recorded = true;
  types->recorded_at = connection;
  snprintf(types->epoch, sizeof types->epoch, "%s", look.end.epoch);
  snprintf(types->told_epoch, sizeof types->told_epoch, "%s", told_epoch);
  return status;
}

/* A Redis that was emptied has another epoch, though the connection may be the same. */
bool event_types_are_due(const struct event_types *types) {
  if (!types) return false;
  const struct event_store *store = types->store;
  const char *epoch = store->latest.epoch;
  return types->recorded_at != redis_generation(store->commands) ||
         (strcmp(epoch, types->told_epoch) != 0 && strcmp(epoch, types->epoch) != 0);
}

coroutine_fn struct status event_types_record(void *argument, struct context *context) {
  struct event_types *types = argument;
  while (types && types->recording) {
    if (condition_wait(&types->over, context->deadline_us)) continue;
    return status_error(context->arena, STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded,
                        "Redis has not told in time with which descriptors events were written");
  }
  if (!event_types_are_due(types)) return status_ok();
  types->recording = true;
  struct status status = record(types, context);
  types->recording = false;
  condition_signal_all(&types->over);
  return status;
}

const char *event_types_broken(const struct event_types *types) {
  return types ? types->broken : NULL;
}

const char *event_types_reason(const struct event_types *types) {
  return types && !types->recorded ? types->trouble : "";
}
