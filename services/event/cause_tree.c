/* SPDX-License-Identifier: Apache-2.0 */
#include "cause_tree.h"

#include <string.h>

#include "base/field_rules.h"
#include "event_message.h"
#include "event_range.h"

enum { EVENTS_MAX = 500, LEVELS_MAX = 20 };

#define LINK(name) ORDERSHOP__V1__CAUSE_LINK__CAUSE_LINK_##name

struct node {
  struct log_entry entry;
  Ordershop__V1__CauseLink link;
  size_t parent; /* its place in the list; that of the root is 0, too */
  int level;
};

struct tracing {
  struct event_log *log;
  struct context *context;
  struct node nodes[EVENTS_MAX]; /* level by level */
  size_t count;
  size_t bytes;
  bool truncated;
};

/* ---- finding ---------------------------------------------------------------------------------------------------- */

static coroutine_fn struct status find(struct tracing *tracing, struct index_query query, size_t limit,
                                       struct log_page *ret_page) {
  struct index_place *places;
  size_t count;
  query.until = INT64_MAX;
  query.limit = limit;
  *ret_page = (struct log_page){0};
  struct status status = event_log_find(tracing->log, tracing->context, &query, &places, &count);
  if (!status_is_ok(status) || count == 0) return status;
  return event_log_fetch(tracing->log, tracing->context, places, count, EVENT_ANSWER_BYTES, ret_page);
}

static coroutine_fn struct status find_event(struct tracing *tracing, const char *event_id, struct log_page *ret_page) {
  return find(tracing, (struct index_query){.event = index_key_of(event_id)}, 1, ret_page);
}

/* The record of an order is the last event of its attempt: the stock was reserved before. */
static coroutine_fn struct status find_record(struct tracing *tracing, const char *attempt_id,
                                              struct log_page *ret_page) {
  return find(tracing, (struct index_query){.attempt = index_key_of(attempt_id), .newest_first = true}, 1, ret_page);
}

/* Entries of several logs may have one log time. */
static bool is_same_entry(const struct log_entry *entry, const struct log_entry *other) {
  return entry->log_time == other->log_time && entry->stream == other->stream;
}

/* What stands above the entry; none if *ret_page is empty. */
static coroutine_fn struct status find_parent(struct tracing *tracing, const struct log_entry *entry,
                                              struct log_page *ret_page) {
  *ret_page = (struct log_page){0};
  if (*entry->cause) return find_event(tracing, entry->cause, ret_page);
  if (!*entry->attempt_id) return status_ok();
  struct status status = find_record(tracing, entry->attempt_id, ret_page);
  if (ret_page->count > 0 && is_same_entry(&ret_page->entries[0], entry)) ret_page->count = 0;
  return status;
}

/* A cause whose event is gone, since somebody trimmed its stream, is where the tree begins. */
static coroutine_fn struct status climb(struct tracing *tracing, struct log_entry *entry) {
  for (int level = 0; level < LEVELS_MAX; level++) {
    struct log_page page;
    struct status status = find_parent(tracing, entry, &page);
    if (!status_is_ok(status) || page.count == 0) return status;
    *entry = page.entries[0];
  }
  return status_ok();
}

/* ---- the tree --------------------------------------------------------------------------------------------------- */

static bool has_node(const struct tracing *tracing, const struct log_entry *entry) {
  for (size_t i = 0; i < tracing->count; i++) {
    if (is_same_entry(&tracing->nodes[i].entry, entry)) return true;
  }
  return false;
}

static void add_nodes(struct tracing *tracing, const struct log_page *page, size_t parent,
                      Ordershop__V1__CauseLink link) {
  for (size_t i = 0; i < page->count; i++) {
    const struct log_entry *entry = &page->entries[i];
    if (has_node(tracing, entry)) continue;
    int level = tracing->nodes[parent].level + 1;
    if (tracing->count == EVENTS_MAX || tracing->bytes > EVENT_ANSWER_BYTES || level == LEVELS_MAX) {
      tracing->truncated = true;
      return;
    }
    tracing->bytes += entry->entity_size + sizeof *entry;
    tracing->nodes[tracing->count++] = (struct node){*entry, link, parent, level};
  }
}

static coroutine_fn struct status add_effects(struct tracing *tracing, size_t parent) {
  const struct log_entry *entry = &tracing->nodes[parent].entry;
  struct log_page page;
  struct status status = status_ok();
  if (*entry->attempt_id) {
    status = find(tracing, (struct index_query){.attempt = index_key_of(entry->attempt_id)}, EVENTS_MAX + 1, &page);
    if (status_is_ok(status)) add_nodes(tracing, &page, parent, LINK(ATTEMPT));
  }
  if (!status_is_ok(status) || !*entry->event_id) return status;
  status = find(tracing, (struct index_query){.cause = index_key_of(entry->event_id)}, EVENTS_MAX + 1, &page);
  if (status_is_ok(status)) add_nodes(tracing, &page, parent, LINK(CAUSE));
  return status;
}

static Ordershop__V1__CauseTree *tree_of(const struct tracing *tracing, struct arena *arena,
                                         Ordershop__V1__Event **events) {
  Ordershop__V1__CauseTree *trees = arena_calloc(arena, tracing->count, sizeof *trees);
  size_t *children = arena_calloc(arena, tracing->count, sizeof *children);
  for (size_t i = 1; i < tracing->count; i++) children[tracing->nodes[i].parent]++;
  for (size_t i = 0; i < tracing->count; i++) {
    ordershop__v1__cause_tree__init(&trees[i]);
    trees[i].event = events[i];
    trees[i].link = tracing->nodes[i].link;
    trees[i].effects = arena_calloc(arena, children[i] + 1, sizeof *trees[i].effects);
    if (i == 0) continue;
    Ordershop__V1__CauseTree *parent = &trees[tracing->nodes[i].parent];
    parent->effects[parent->n_effects++] = &trees[i];
  }
  return trees;
}

static coroutine_fn struct status grow(struct tracing *tracing, const struct log_entry *root) {
  tracing->nodes[0] = (struct node){.entry = *root, .link = LINK(UNSPECIFIED)};
  tracing->count = 1;
  struct status status = status_ok();
  for (size_t i = 0; i < tracing->count && status_is_ok(status); i++) status = add_effects(tracing, i);
  return status;
}

/* ---- the method ------------------------------------------------------------------------------------------------- */

static coroutine_fn struct status find_named(struct tracing *tracing, const Ordershop__V1__TraceCauseRequest *trace,
                                             struct log_page *ret_page) {
  if (!trace->entity) return find_event(tracing, trace->event_id, ret_page);
  struct index_key key = index_key_of(trace->entity->id);
  struct index_query query = {.entities = &key, .entity_count = 1};
  query.streams =
      stream_numbers(tracing->log, tracing->context->arena, NULL, 0, trace->entity->entity_type, &query.stream_count);
  return find(tracing, query, 1, ret_page);
}

/* *ret_entry is NULL unless the status is OK. */
static coroutine_fn struct status find_start(struct tracing *tracing, struct rpc_call *call,
                                             const Ordershop__V1__TraceCauseRequest *trace, int64_t *read_to,
                                             struct log_entry **ret_entry) {
  *ret_entry = NULL;
  struct arena *arena = tracing->context->arena;
  struct log_page page;
  struct status status = find_named(tracing, trace, &page);
  if (status_is_ok(status) && page.count == 0) {
    status = await_end(tracing->log, call, read_to);
    if (status_is_ok(status)) status = find_named(tracing, trace, &page);
  }
  if (!status_is_ok(status)) return status;
  if (page.count == 0 && trace->entity) return status_not_found(arena, trace->entity->entity_type, trace->entity->id);
  if (page.count == 0) return status_not_found(arena, "event", trace->event_id);
  *ret_entry = &page.entries[0];
  return status;
}

static void check_trace(struct violations *violations, const struct event_log *log,
                        const Ordershop__V1__TraceCauseRequest *trace) {
  check_optional_uuid(violations, "event_id", trace->event_id);
  if (trace->entity) {
    check_entity(violations, log, "entity", trace->entity->entity_type, trace->entity->id, true);
    if (*trace->event_id) violation_add(violations, "entity", "only one of event_id, entity may be set");
  } else if (!*trace->event_id) {
    violation_add(violations, "event_id", "must be set, or entity");
  }
  check_view(violations, trace->view);
}

coroutine_fn struct status trace_cause(struct rpc_call *call, const void *request, const void **ret_response) {
  const Ordershop__V1__TraceCauseRequest *trace = request;
  struct arena *arena = call->context.arena;
  struct tracing *tracing = arena_calloc(arena, 1, sizeof *tracing);
  tracing->log = service_of(call)->user;
  tracing->context = &call->context;
  struct violations violations = violations_of(arena);
  check_trace(&violations, tracing->log, trace);
  struct status status = violations_status(&violations);
  int64_t read_to = 0;
  struct log_entry *root = NULL;
  if (status_is_ok(status)) status = event_log_await(tracing->log, call, &read_to);
  if (status_is_ok(status)) status = find_start(tracing, call, trace, &read_to, &root);
  if (!root) return status;
  status = climb(tracing, root);
  if (status_is_ok(status)) status = grow(tracing, root);
  if (!status_is_ok(status)) return status;

  struct log_entry *entries = arena_calloc(arena, tracing->count, sizeof *entries);
  for (size_t i = 0; i < tracing->count; i++) entries[i] = tracing->nodes[i].entry;
  Ordershop__V1__TraceCauseResponse *response = arena_alloc(arena, sizeof *response);
  ordershop__v1__trace_cause_response__init(response);
  response->tree =
      tree_of(tracing, arena, event_messages(tracing->log, &call->context, entries, tracing->count, trace->view));
  response->truncated = tracing->truncated;
  response->read_to = read_to_entry(arena, read_to);
  response->position = read_to_position(tracing->log, arena, read_to);
  *ret_response = response;
  return status;
}
