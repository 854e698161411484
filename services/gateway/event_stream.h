/* SPDX-License-Identifier: Apache-2.0 */
/* The shop's events for browsers: EventService.WatchEvents as server-sent events
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 *
 *   GET /events?stream=order_created&entity=order/76131f90-36f5-4ce4-8516-0685a3dccc54
 *
 * Each event's `id` is the position behind it, with which EventSource resumes by itself (Last-Event-ID). */
#pragma once

#include "gateway.h"

#define EVENT_STREAM_PATH "/events"

/* Returns what all streams share; it lives in the gateway's arena. */
struct event_streams *event_streams_new(struct gateway *gateway);

/* No stream may be open. NULL is allowed. */
void event_streams_close(struct event_streams *streams);

/* Answers a request to EVENT_STREAM_PATH. */
coroutine_fn void event_stream(struct gateway *gateway, struct http_request *request);
