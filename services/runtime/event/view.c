#include "event/view.h"

#include <string.h>

#include "base/message.h"

const char *view_key(const struct event_store *store, struct arena *arena, const struct view *view) {
  return redis_key(store->commands, arena, "%s_%s", store->service, view->name);
}

struct status view_read(struct event_store *store, struct context *context, const struct view *view, const char *key,
                        void **ret_record) {
  return view_read_many(store, context, view, &key, 1, ret_record);
}

struct status view_read_many(struct event_store *store, struct context *context, const struct view *view,
                             const char *const *keys, size_t count, void **ret_records) {
  if (count == 0) return status_ok();
  struct arena *arena = context->arena;
  struct redis_arguments get = redis_command_of(arena, "HMGET", view_key(store, arena, view), NULL);
  for (size_t i = 0; i < count; i++) redis_add_text(&get, keys[i]);
  const struct redis_reply *reply;
  struct status status = redis_command(store->commands, context, &get, &reply);
  if (!status_is_ok(status)) return status;
  void **records = arena_calloc(arena, count, sizeof *records);
  for (size_t i = 0; i < count; i++) {
    const struct redis_reply *bytes = redis_reply_at(reply, i);
    if (!bytes || !redis_reply_text(bytes)) continue;
    records[i] = message_unpack(arena, view->record, bytes->text, bytes->size);
    if (!records[i]) {
      return status_error(arena, STATUS_DATA_LOSS, "VIEW_UNDECODABLE", "the record %s of %s can't be decoded", keys[i],
                          view->name);
    }
  }
  memcpy(ret_records, records, count * sizeof *records);
  return status_ok();
}
