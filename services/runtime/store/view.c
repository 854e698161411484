/* SPDX-License-Identifier: Apache-2.0 */
#include "store/view.h"

#include <string.h>

#include "base/message.h"

const char *view_key(const struct event_store *store, struct arena *arena, const struct view *view) {
  return redis_key(store->commands, arena, "%s_%s", store->service, view->name);
}

const char *view_shadow_key(const struct event_store *store, struct arena *arena, const struct view *view) {
  return redis_key(store->commands, arena, "%s_rebuild:%s", store->service, view->name);
}

coroutine_fn struct status view_read(struct event_store *store, struct context *context, const struct view *view,
                                     const char *key, void **ret_record) {
  return view_read_many(store, context, view, &key, 1, ret_record);
}

coroutine_fn struct status view_read_many(struct event_store *store, struct context *context, const struct view *view,
                                          const char *const *keys, size_t count, void **ret_records) {
  struct view_question question = view_ask(store, context, view, keys, count);
  return view_answer(&question, ret_records);
}

struct view_question view_ask(struct event_store *store, struct context *context, const struct view *view,
                              const char *const *keys, size_t count) {
  struct view_question question = {.context = context, .view = view, .keys = keys, .count = count};
  if (count == 0) return question;
  struct redis_arguments get = redis_command_of(context->arena, "HMGET", view_key(store, context->arena, view), NULL);
  for (size_t i = 0; i < count; i++) redis_add_text(&get, keys[i]);
  question.pending = redis_send(store->commands, context, &get);
  return question;
}

coroutine_fn struct status view_answer(const struct view_question *question, void **ret_records) {
  if (!question->pending) return status_ok();
  struct arena *arena = question->context->arena;
  const struct redis_reply *reply;
  struct status status = redis_receive(question->pending, &reply);
  if (!status_is_ok(status)) return status;
  void **records = arena_calloc(arena, question->count, sizeof *records);
  for (size_t i = 0; i < question->count; i++) {
    const struct redis_reply *bytes = redis_reply_at(reply, i);
    if (!bytes || !redis_reply_text(bytes)) continue;
    records[i] = message_unpack(arena, question->view->record, bytes->text, bytes->size);
    if (!records[i]) {
      return status_error(arena, STATUS_DATA_LOSS, reason_view_undecodable, "the record %s of %s can't be decoded",
                          question->keys[i], question->view->name);
    }
  }
  memcpy(ret_records, records, question->count * sizeof *records);
  return status_ok();
}
