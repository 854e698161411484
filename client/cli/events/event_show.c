/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/events/event_show.h"

#include <descriptor_set.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"
#include "client/cli/events/event_text.h"
#include "client/cli/events/type_search.h"
#include "client/cli/output/show.h"
#include "client/cli/output/terminal_text.h"
#include "message/entity_types.h"
#include "message/json_write.h"
#include "message/message_types.h"

struct event_show {
  struct arena *arena; /* of what is being shown */
  struct entity_types *types;
  struct type_search *search;
  bool json;
};

/* ---- types ------------------------------------------------------------------------------------------------------ */

static struct status read_set(struct arena *arena, const char *path, struct entity_types *types) {
  char *bytes = arena_alloc(arena, MESSAGE_TYPES_SET_MAX + 1);
  FILE *file = fopen(path, "re");
  size_t size = file ? fread(bytes, 1, MESSAGE_TYPES_SET_MAX + 1, file) : 0;
  bool failed = !file || ferror(file);
  const char *why = strerror(errno);
  if (file) fclose(file);
  if (failed) return status_error(arena, STATUS_INVALID_ARGUMENT, reason_usage, "--descriptor-set: %s: %s", path, why);
  struct status status = entity_types_add(types, arena, bytes, size);
  if (status_is_ok(status)) return status;
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_usage, "--descriptor-set: %s: %s", path, status.message);
}

/* Of all --descriptor-set, then what services have put beside the log, then of the contract. */
static struct status read_types(struct arena *arena, const struct invocation *invocation, struct entity_types *types,
                                struct type_search *search) {
  struct status status = status_ok();
  for (size_t i = 0; i < invocation->given_count && status_is_ok(status); i++) {
    const struct given_flag *given = &invocation->given[i];
    if (strcmp(given->flag->name, "descriptor-set") == 0) status = read_set(arena, given->value, types);
  }
  if (!status_is_ok(status)) return status;
  type_search_take_stored(search);
  return entity_types_add(types, arena, ordershop_descriptor_set, ordershop_descriptor_set_size);
}

struct status event_show_new(struct session *session, struct event_show **ret_show) {
  struct event_show *show = memory_calloc(1, sizeof(*show));
  show->arena = arena_new();
  show->types = entity_types_new();
  show->search = type_search_new(session->client, show->types);
  show->json = session->invocation->json;
  struct status status = read_types(session->arena, session->invocation, show->types, show->search);
  if (!status_is_ok(status)) event_show_free(show);
  if (status_is_ok(status)) *ret_show = show;
  return status;
}

void event_show_free(struct event_show *show) {
  type_search_free(show->search);
  entity_types_free(show->types);
  arena_free(show->arena);
  free(show);
}

void event_show_tell(const struct event_show *show, const char *sentence) {
  fprintf(stderr, "ordershop: %s\n", terminal_line(show->arena, sentence));
}

/* Of a stream whose type is not known, the services are asked for it. */
static const ProtobufCMessageDescriptor *type_of(struct event_show *show, const Ordershop__V1__Event *event) {
  const char *problem;
  struct stream_name name = stream_name_of(show->arena, event->stream);
  const ProtobufCMessageDescriptor *type = type_search_find(show->search, name.entity, &problem);
  if (problem) event_show_tell(show, problem);
  return type;
}

/* ---- showing ---------------------------------------------------------------------------------------------------- */

static void write_line(json_t *json) {
  char *text = json_dumps(json, JSON_COMPACT);
  puts(text ? text : "{}");
  free(text);
  json_decref(json);
}

void event_show_line(struct event_show *show, const Ordershop__V1__Event *event) {
  arena_reset(show->arena);
  const ProtobufCMessageDescriptor *type = type_of(show, event);
  if (show->json) {
    write_line(event_json(show->arena, type, event));
  } else {
    puts(event_text(show->arena, type, event));
  }
}

void event_show_state(struct event_show *show, const Ordershop__V1__GetEntityAtResponse *state) {
  arena_reset(show->arena);
  const Ordershop__V1__Event *event = state->event;
  const ProtobufCMessageDescriptor *type = type_of(show, event);
  if (show->json) {
    json_t *json = event_json(show->arena, type, event);
    json_object_set_new(json, "deleted", json_boolean(state->deleted));
    show_json_value(json);
    return;
  }
  puts(event_text(show->arena, type, event));
  const void *entity =
      type ? message_unpack(show->arena, type, event->entity_bytes.data, event->entity_bytes.len) : NULL;
  if (!entity) return;
  putchar('\n');
  show_record(show->arena, entity, NULL);
}

/* ---- trees ------------------------------------------------------------------------------------------------------ */

static json_t *tree_json(struct event_show *show, const Ordershop__V1__CauseTree *tree) {
  json_t *json = event_json(show->arena, type_of(show, tree->event), tree->event), *effects = json_array();
  bool by_attempt = tree->link == ORDERSHOP__V1__CAUSE_LINK__CAUSE_LINK_ATTEMPT;
  if (by_attempt) json_object_set_new(json, "attemptId", json_string(tree->event->attempt_id));
  for (size_t i = 0; i < tree->n_effects; i++) json_array_append_new(effects, tree_json(show, tree->effects[i]));
  json_object_set_new(json, "effects", effects);
  return json;
}

static void write_tree(struct event_show *show, const Ordershop__V1__CauseTree *tree, const char *before,
                       const char *branch, const char *below) {
  printf("%s%s%s\n", before, branch, event_text(show->arena, type_of(show, tree->event), tree->event));
  const char *inner = arena_printf(show->arena, "%s%s", before, below);
  for (size_t i = 0; i < tree->n_effects; i++) {
    bool last = i + 1 == tree->n_effects;
    write_tree(show, tree->effects[i], inner, last ? "└─ " : "├─ ", last ? "   " : "│  ");
  }
}

void event_show_tree(struct event_show *show, const Ordershop__V1__CauseTree *tree) {
  arena_reset(show->arena);
  if (show->json) {
    show_json_value(tree_json(show, tree));
  } else {
    write_tree(show, tree, "", "", "");
  }
}
