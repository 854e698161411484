/* SPDX-License-Identifier: Apache-2.0 */
/* Typed calls to EventService, which tells the events of the shop.
 *
 * See ordershop_client.h for retries, positions, threads and lifetimes, and proto/ordershop/v1/event.proto for what
 * each call does and which errors it has. */
#pragma once

#include <ordershop/v1/event.pb-c.h>

#include "client/ordershop_client.h"

/* Lists the streams of the log, and the services that read them. */
struct status ordershop_list_streams(struct ordershop_client *client, const struct context *context,
                                     const Ordershop__V1__ListStreamsRequest *request,
                                     const Ordershop__V1__ListStreamsResponse **ret_response);

/* Reads events in the order of the log, or against it. */
struct status ordershop_read_events(struct ordershop_client *client, const struct context *context,
                                    const Ordershop__V1__ReadEventsRequest *request,
                                    const Ordershop__V1__ReadEventsResponse **ret_response);

/* Reads the events of one entity, oldest first. */
struct status ordershop_get_entity_history(struct ordershop_client *client, const struct context *context,
                                           const Ordershop__V1__GetEntityHistoryRequest *request,
                                           const Ordershop__V1__GetEntityHistoryResponse **ret_response);

/* Reads an entity as it was. */
struct status ordershop_get_entity_at(struct ordershop_client *client, const struct context *context,
                                      const Ordershop__V1__GetEntityAtRequest *request,
                                      const Ordershop__V1__GetEntityAtResponse **ret_response);

/* Reads what led to an event, and what it led to. */
struct status ordershop_trace_cause(struct ordershop_client *client, const struct context *context,
                                    const Ordershop__V1__TraceCauseRequest *request,
                                    const Ordershop__V1__TraceCauseResponse **ret_response);

/* Events as they happen. One thread works with it; nothing is tried again: whoever wants to go on after an error opens
 * another one behind the `read_to` that came last. */
struct ordershop_watch;

/* Opens a watch; the request is needed only now, the context's arena until ordershop_watch_close, and its deadline, if
 * it has one, is that of the whole watch. The caller closes it. */
struct status ordershop_watch_events(struct ordershop_client *client, const struct context *context,
                                     const Ordershop__V1__WatchEventsRequest *request,
                                     struct ordershop_watch **ret_watch);

/* Waits for the next response, for `wait_ms` at most; it lives in `arena`, and is NULL where none came in time. Errors:
 * those of the method, with which the watch is over. */
struct status ordershop_watch_read(struct ordershop_watch *watch, struct arena *arena, int64_t wait_ms,
                                   const Ordershop__V1__WatchEventsResponse **ret_response);

/* NULL is allowed. */
void ordershop_watch_close(struct ordershop_watch *watch);
