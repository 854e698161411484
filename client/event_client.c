/* SPDX-License-Identifier: Apache-2.0 */
#include "client/event_client.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "client/client.h"
#include "rpc/rpc_blocking_client.h"

struct status ordershop_list_streams(struct ordershop_client *client, const struct context *context,
                                     const Ordershop__V1__ListStreamsRequest *request,
                                     const Ordershop__V1__ListStreamsResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_EVENT, "ListStreams", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}

struct status ordershop_read_events(struct ordershop_client *client, const struct context *context,
                                    const Ordershop__V1__ReadEventsRequest *request,
                                    const Ordershop__V1__ReadEventsResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_EVENT, "ReadEvents", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}

struct status ordershop_get_entity_history(struct ordershop_client *client, const struct context *context,
                                           const Ordershop__V1__GetEntityHistoryRequest *request,
                                           const Ordershop__V1__GetEntityHistoryResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_EVENT, "GetEntityHistory", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}

struct status ordershop_get_entity_at(struct ordershop_client *client, const struct context *context,
                                      const Ordershop__V1__GetEntityAtRequest *request,
                                      const Ordershop__V1__GetEntityAtResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_EVENT, "GetEntityAt", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}

struct status ordershop_trace_cause(struct ordershop_client *client, const struct context *context,
                                    const Ordershop__V1__TraceCauseRequest *request,
                                    const Ordershop__V1__TraceCauseResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_EVENT, "TraceCause", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}

/* ---- watching --------------------------------------------------------------------------------------------------- */

struct ordershop_watch {
  struct ordershop_client *client;
  struct rpc_blocking_stream *stream;
};

struct status ordershop_watch_events(struct ordershop_client *client, const struct context *context,
                                     const Ordershop__V1__WatchEventsRequest *request,
                                     struct ordershop_watch **ret_watch) {
  struct context own = *context;
  if (!own.deadline_us) own.deadline_us = DEADLINE_NEVER;
  struct rpc_blocking_stream *stream;
  struct status status =
      rpc_blocking_stream_open(client->peers[ORDERSHOP_EVENT].channel, &own,
                               ordershop_service_descriptor(ORDERSHOP_EVENT), "WatchEvents", request, &stream);
  if (!status_is_ok(status)) return status;
  struct ordershop_watch *watch = memory_alloc(sizeof(*watch));
  *watch = (struct ordershop_watch){.client = client, .stream = stream};
  *ret_watch = watch;
  return status;
}

struct status ordershop_watch_read(struct ordershop_watch *watch, struct arena *arena, int64_t wait_ms,
                                   const Ordershop__V1__WatchEventsResponse **ret_response) {
  const void *message;
  bool ended;
  struct status status =
      rpc_blocking_stream_read(watch->stream, arena, clock_monotonic_us() + wait_ms * 1000, &message, &ended);
  if (status_is_ok(status) && ended) {
    status = status_error(arena, STATUS_UNAVAILABLE, reason_shutting_down, "The event service has ended the stream.");
  }
  if (!status_is_ok(status)) return client_explain(watch->client, ORDERSHOP_EVENT, arena, status);
  *ret_response = message;
  return status;
}

void ordershop_watch_close(struct ordershop_watch *watch) {
  if (!watch) return;
  rpc_blocking_stream_close(watch->stream);
  free(watch);
}
