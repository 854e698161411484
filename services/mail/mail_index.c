/* SPDX-License-Identifier: Apache-2.0 */
#include "mail_index.h"

#include <stdio.h>
#include <string.h>

#include "base/violations.h"
#include "mail_record.h"

enum { PAGE = 128 };

/* Copies the entries of `key` from `begin` on, a page of them; *ret_count says how many there were. */
static coroutine_fn struct status copy_page(struct event_store *store, struct context *context, const char *key,
                                            const char *to, size_t begin, size_t *ret_count) {
  struct arena *arena = context->arena;
  struct redis_arguments range =
      redis_command_of(arena, "ZRANGEBYSCORE", key, "-inf", "+inf", "WITHSCORES", "LIMIT", NULL);
  redis_add_number(&range, (int64_t)begin);
  redis_add_number(&range, PAGE);
  const struct redis_reply *entries, *added;
  struct status status = redis_command(store->commands, context, &range, &entries);
  if (!status_is_ok(status)) return status;
  *ret_count = entries->count / 2;
  if (*ret_count == 0) return status;
  struct redis_arguments add = redis_command_of(arena, "ZADD", to, NULL);
  for (size_t i = 0; i < *ret_count; i++) {
    redis_add_text(&add, redis_reply_text(redis_reply_at(entries, 2 * i + 1)));
    redis_add_text(&add, redis_reply_text(redis_reply_at(entries, 2 * i)));
  }
  return redis_command(store->commands, context, &add, &added);
}

static coroutine_fn struct status copy_key(struct event_store *store, struct context *context, const char *key) {
  const char *address = key + strlen(entity_index_key(store, context->arena, &mail_type, "to", ""));
  const char *to = entity_index_key(store, context->arena, &mail_type, "to", address);
  struct status status = status_ok();
  size_t count = PAGE;
  for (size_t begin = 0; status_is_ok(status) && count == PAGE; begin += PAGE) {
    status = copy_page(store, context, key, to, begin, &count);
  }
  return status;
}

coroutine_fn struct status mail_index_step(struct mail_index *index, struct event_store *store,
                                           struct context *context) {
  if (index->complete) return status_ok();
  struct redis_arguments scan = redis_command_of(
      context->arena, "SCAN", index->cursor[0] ? index->cursor : "0", "MATCH",
      redis_key_pattern(store->commands, context->arena, "mail_by_to:*@*[A-Z]*"), "COUNT", "500", NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(store->commands, context, &scan, &reply);
  const struct redis_reply *keys = status_is_ok(status) ? redis_reply_at(reply, 1) : NULL;
  for (size_t i = 0; status_is_ok(status) && keys && i < keys->count; i++) {
    status = copy_key(store, context, keys->elements[i]->text);
  }
  if (!status_is_ok(status)) return status;
  const char *next = redis_reply_text(redis_reply_at(reply, 0));
  snprintf(index->cursor, sizeof index->cursor, "%s", next ? next : "0");
  index->complete = strcmp(index->cursor, "0") == 0;
  return status;
}
