/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/subscription.h"

#include <stdbool.h>
#include <string.h>

#include "base/message.h"
#include "consumer/projection.h"

enum { VERBS = 3 };

static size_t add_streams(struct arena *arena, const struct subscription *subscription,
                          struct subscribed_stream *streams) {
  const struct {
    const char *verb;
    event_handler *handler;
    event_run_handler *run_handler;
  } verbs[VERBS] = {
      {"created", subscription->created, subscription->created_run},
      {"updated", subscription->updated, subscription->updated_run},
      {"deleted", subscription->deleted, subscription->deleted_run},
  };
  const char *entity = message_snake_case(arena, subscription->entity->short_name);
  size_t count = 0;
  for (size_t i = 0; i < VERBS; i++) {
    if (!verbs[i].handler && !verbs[i].run_handler && !subscription->projection) continue;
    streams[count++] = (struct subscribed_stream){.name = arena_printf(arena, "%s_%s", entity, verbs[i].verb),
                                                  .subscription = subscription,
                                                  .handler = verbs[i].handler,
                                                  .run_handler = verbs[i].run_handler};
  }
  return count;
}

struct subscribed_stream *subscription_streams(struct arena *arena, const struct subscription *subscriptions,
                                               size_t count, size_t *ret_count) {
  struct subscribed_stream *streams = arena_calloc(arena, count * VERBS, sizeof *streams);
  *ret_count = 0;
  for (size_t i = 0; i < count; i++) *ret_count += add_streams(arena, &subscriptions[i], streams + *ret_count);
  return streams;
}

const char *subscribed_stream_key(const struct subscribed_stream *stream, const struct event *event) {
  const char *key = stream->subscription->key ? stream->subscription->key(event) : event_entity_id(event);
  return key ? key : "";
}
