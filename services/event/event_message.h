/* SPDX-License-Identifier: Apache-2.0 */
/* Event messages: entries of the log as the API tells them. */
#pragma once

#include <ordershop/v1/event.pb-c.h>

#include "base/violations.h"
#include "event_log.h"

/* About how many bytes of entities an answer has. */
#define EVENT_ANSWER_BYTES (1024 * 1024)

/* Adds a violation if the view is none that is known. */
void check_view(struct violations *violations, Ordershop__V1__EventView view);

/* Makes messages of entries, which they point to; both live in the context's arena. JSON is made on another thread. */
coroutine_fn Ordershop__V1__Event **event_messages(struct event_log *log, struct context *context,
                                                   const struct log_entry *entries, size_t count,
                                                   Ordershop__V1__EventView view);

/* The texts by which an answer says how far the log was read; that of a position is "" where there is no log yet. */
char *read_to_entry(struct arena *arena, int64_t log_time);
char *read_to_position(const struct event_log *log, struct arena *arena, int64_t log_time);
