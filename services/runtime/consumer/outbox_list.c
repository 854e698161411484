/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/outbox_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

enum { KNOWN_BYTES = 1 << 20 }; /* more is not kept, but read */

struct outbox_list outbox_list_of(struct event_store *store, const struct leader *leader, const char *key) {
  return (struct outbox_list){.store = store, .leader = leader, .key = key};
}

static void append(struct outbox_list *list, const void *bytes, size_t size) {
  struct outbox_message *message = memory_alloc(sizeof *message + size);
  message->next = NULL;
  message->size = size;
  memcpy(message->bytes, bytes, size);
  *(list->first ? list->end : &list->first) = message;
  list->end = &message->next;
  list->count++;
  list->bytes += size;
}

static void drop_first(struct outbox_list *list) {
  struct outbox_message *first = list->first;
  list->first = first->next;
  list->count--;
  list->bytes -= first->size;
  free(first);
}

void outbox_list_forget(struct outbox_list *list) {
  while (list->first) drop_first(list);
  list->whole = false;
  list->knowledge++;
}

void outbox_list_refresh(struct outbox_list *list) {
  uint64_t connection = redis_generation(list->store->commands), era = redis_server_era(list->store->server);
  if (list->epoch == list->leader->epoch && list->connection == connection && list->redis_era == era) return;
  outbox_list_forget(list);
  list->epoch = list->leader->epoch;
  list->connection = connection;
  list->redis_era = era;
}

/* ---- pushing ---------------------------------------------------------------------------------------------------- */

uint64_t outbox_list_push(struct outbox_list *list) {
  outbox_list_refresh(list);
  list->pushing++;
  return list->knowledge;
}

void outbox_list_pushed(struct outbox_list *list, uint64_t knowledge, bool done,
                        const struct redis_arguments *messages) {
  list->pushing--;
  list->pushes++;
  outbox_list_refresh(list);
  if (list->knowledge != knowledge) return;
  if (!done) {
    outbox_list_forget(list);
    return;
  }
  for (size_t i = 0; list->whole && i < messages->count; i++) {
    list->whole = list->bytes + messages->sizes[i] <= KNOWN_BYTES;
    if (list->whole) append(list, messages->values[i], messages->sizes[i]);
  }
}

/* ---- reading and removing --------------------------------------------------------------------------------------- */

coroutine_fn struct status outbox_list_read(struct outbox_list *list, struct context *context, size_t max) {
  outbox_list_refresh(list);
  if (list->count > 0 || list->whole) return status_ok();
  uint64_t knowledge = list->knowledge, pushes = list->pushes;
  bool pushed = list->pushing > 0;
  struct redis_arguments range = redis_command_of(context->arena, "LRANGE", list->key, "0", NULL);
  redis_add_number(&range, (int64_t)max - 1);
  const struct redis_reply *found;
  struct status status = redis_command(list->store->reads, context, &range, &found);
  outbox_list_refresh(list);
  if (!status_is_ok(status) || list->knowledge != knowledge) return status;
  list->read_us = clock_monotonic_us();
  for (size_t i = 0; i < found->count; i++) append(list, found->elements[i]->text, found->elements[i]->size);
  /* What was pushed meanwhile may be among them or not. */
  list->whole = found->count < max && !pushed && list->pushing == 0 && list->pushes == pushes;
  return status_ok();
}

void outbox_list_removed(struct outbox_list *list, uint64_t knowledge, size_t count) {
  outbox_list_refresh(list);
  if (list->knowledge != knowledge) return;
  for (size_t i = 0; i < count; i++) drop_first(list);
}
