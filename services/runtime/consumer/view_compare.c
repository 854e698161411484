/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/view_compare.h"

#include <string.h>

#include "base/key_table.h"
#include "base/message.h"

enum { PAGE_ROWS = 100, TEXT_BYTES = 100 };

struct view_compare {
  struct arena *arena;
  struct event_store *store;
  const struct view *view;
  struct view_rebuild_job *job;
  struct key_table *differing; /* keys: HSCAN may tell a row twice */
  const char *cursor;          /* "0": at the beginning */
  bool by_rebuilt;             /* the rows of what was built are gone through, for those that the live view lacks */
};

struct view_compare *view_compare_new(struct arena *arena, struct event_store *store, const struct view *view,
                                      struct view_rebuild_job *job) {
  struct view_compare *compare = arena_calloc(arena, 1, sizeof *compare);
  *compare = (struct view_compare){
      .arena = arena, .store = store, .view = view, .job = job, .differing = key_table_new(arena), .cursor = "0"};
  job->differences = arena_calloc(arena, VIEW_DIFFERENCES_TOLD, sizeof *job->differences);
  job->difference_count = 0;
  return compare;
}

/* ---- differences ------------------------------------------------------------------------------------------------ */

/* Cut before a character of several bytes, not within it. */
static const char *cut(struct arena *arena, const char *text) {
  size_t size = strlen(text);
  if (size <= TEXT_BYTES) return arena_strdup(arena, text);
  size = TEXT_BYTES;
  while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80) size--;
  return arena_printf(arena, "%.*s...", (int)size, text);
}

static void tell(struct view_compare *compare, enum view_difference_kind kind, const char *key, const char *field,
                 const char *live, const char *rebuilt) {
  struct view_rebuild_job *job = compare->job;
  if (job->difference_count == VIEW_DIFFERENCES_TOLD) return;
  job->differences[job->difference_count++] = (struct view_difference){.kind = kind,
                                                                       .key = cut(compare->arena, key),
                                                                       .field = field,
                                                                       .live = cut(compare->arena, live),
                                                                       .rebuilt = cut(compare->arena, rebuilt)};
}

/* Counts the row. Returns false if it was counted before. */
static bool count_row(struct view_compare *compare, enum view_difference_kind kind, const char *key) {
  void **place = key_table_at(compare->differing, key);
  if (*place) return false;
  *place = compare;
  compare->job->rows[kind]++;
  return true;
}

/* For people; what is not one value is told as such. */
static const char *field_text(struct arena *arena, const void *record, const ProtobufCFieldDescriptor *field) {
  const char *text = message_field_text(arena, record, field);
  return text ? text : "(several values)";
}

static void tell_fields(struct view_compare *compare, struct arena *arena, const char *key, const void *live,
                        const void *rebuilt) {
  const ProtobufCMessageDescriptor *type = compare->view->record;
  bool any = false;
  for (unsigned i = 0; i < type->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &type->fields[i];
    if (message_field_equal(arena, live, rebuilt, field)) continue;
    any = true;
    tell(compare, VIEW_ROW_WRONG, key, field->name, field_text(arena, live, field), field_text(arena, rebuilt, field));
  }
  if (!any) tell(compare, VIEW_ROW_WRONG, key, "(fields that this version does not know)", "", "");
}

static void compare_row(struct view_compare *compare, struct arena *arena, const char *key,
                        const struct redis_reply *live, const struct redis_reply *rebuilt) {
  if (live->size == rebuilt->size && memcmp(live->text, rebuilt->text, live->size) == 0) return;
  const void *left = message_unpack(arena, compare->view->record, live->text, live->size);
  const void *right = message_unpack(arena, compare->view->record, rebuilt->text, rebuilt->size);
  if (left && right && message_equal(arena, left, right)) return;
  if (!count_row(compare, VIEW_ROW_WRONG, key)) return;
  if (left && right) {
    tell_fields(compare, arena, key, left, right);
  } else {
    tell(compare, VIEW_ROW_WRONG, key, "(the row)", left ? "" : "(can't be decoded)",
         right ? "" : "(can't be decoded)");
  }
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

static coroutine_fn struct status scan(struct view_compare *compare, struct context *context,
                                       const struct redis_reply **ret_rows) {
  const struct event_store *store = compare->store;
  const char *hash = compare->by_rebuilt ? view_shadow_key(store, context->arena, compare->view)
                                         : view_key(store, context->arena, compare->view);
  struct redis_arguments command = redis_command_of(context->arena, "HSCAN", hash, compare->cursor, "COUNT", NULL);
  redis_add_number(&command, PAGE_ROWS);
  const struct redis_reply *reply;
  struct status status = redis_command(store->reads, context, &command, &reply);
  if (!status_is_ok(status)) return status;
  const char *cursor = redis_reply_text(redis_reply_at(reply, 0));
  compare->cursor = arena_strdup(compare->arena, cursor ? cursor : "0");
  *ret_rows = redis_reply_at(reply, 1);
  return status;
}

static coroutine_fn struct status read_others(struct view_compare *compare, struct context *context,
                                              const struct redis_reply *rows, const struct redis_reply **ret_others) {
  const struct event_store *store = compare->store;
  const char *hash = compare->by_rebuilt ? view_key(store, context->arena, compare->view)
                                         : view_shadow_key(store, context->arena, compare->view);
  struct redis_arguments command = redis_command_of(context->arena, "HMGET", hash, NULL);
  for (size_t i = 0; i + 1 < rows->count; i += 2)
    redis_add_bytes(&command, rows->elements[i]->text, rows->elements[i]->size);
  return redis_command(store->reads, context, &command, ret_others);
}

static void compare_page(struct view_compare *compare, struct arena *arena, const struct redis_reply *rows,
                         const struct redis_reply *others) {
  for (size_t i = 0; i + 1 < rows->count; i += 2) {
    const char *key = rows->elements[i]->text;
    const struct redis_reply *row = rows->elements[i + 1], *other = redis_reply_at(others, i / 2);
    bool alone = !redis_reply_text(other);
    enum view_difference_kind kind = compare->by_rebuilt ? VIEW_ROW_MISSING : VIEW_ROW_SURPLUS;
    if (alone && count_row(compare, kind, key)) tell(compare, kind, key, "", "", "");
    if (!alone && !compare->by_rebuilt) compare_row(compare, arena, key, row, other);
  }
  if (!compare->by_rebuilt) compare->job->rows_compared += (int64_t)rows->count / 2;
}

static bool is_last(struct view_compare *compare) {
  if (key_table_count(compare->differing) >= VIEW_DIFFERENCES_MAX) return true;
  if (strcmp(compare->cursor, "0") != 0) return false;
  bool last = compare->by_rebuilt;
  compare->by_rebuilt = true;
  return last;
}

coroutine_fn struct status view_compare_step(struct view_compare *compare, struct context *context, bool *ret_done) {
  const struct redis_reply *rows = NULL, *others;
  struct status status = scan(compare, context, &rows);
  if (status_is_ok(status) && rows && rows->count > 0) {
    status = read_others(compare, context, rows, &others);
    if (status_is_ok(status)) compare_page(compare, context->arena, rows, others);
  }
  if (status_is_ok(status)) *ret_done = is_last(compare);
  return status;
}
