/* SPDX-License-Identifier: Apache-2.0 */
/* Structured log on standard error, one line for each event: logfmt (default) or JSON.
 *
 * Logging never blocks: a thread of its own writes. A full buffer drops lines, and the next line that fits says how
 * many (`dropped_lines`). A line has at most 4096 bytes; longer values end in "...". Any thread may log. Values are
 * escaped; secrets must not be in a field. A line that is written while a call or an event is worked on has the ids of
 * that, which nobody has to name: `request_id`, `event_id`, `trace_id`. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

/* What settings call them, in the order of the enums; each ends with NULL. */
extern const char *const log_level_names[], *const log_format_names[];

/* Starts the writer thread. `name` is the service's name, on every line. Before that, and after log_stop, lines are
 * written directly. */
void log_start(const char *name, enum log_level min, enum log_format format);

/* Writes what is left, for at most a second, and ends the thread. */
void log_stop(void);

/* Writes one line. The arguments are the message, then pairs of key and value, then NULL. A NULL value is written as
 * empty.
 *   log_event(LOG_WARN, "redis is away", "address", address, "attempt", log_number(attempt), NULL); */
void log_event(enum log_level level, const char *message, ...) __attribute__((sentinel));

/* Does likewise with the last line of a process that crashes: an error, written at once. It is for signal handlers: all
 * that it calls is async-signal-safe. Lines that others have left to the writer get a tenth of a second to come before
 * it. Only the first call of a process writes. */
void log_crash(const char *message, ...) __attribute__((sentinel));

/* Returns whether log_event writes lines of that level, for those whose fields cost something to make. */
bool log_takes(enum log_level level);

/* What a line belongs to. Each may be NULL, or what a caller has made up: of a request id and a traceparent (W3C trace
 * context) a line only has what is valid. */
struct log_ids {
  const char *request_id, *event_id, *traceparent;
};

/* Has `here` called for each line, by the thread that writes it; also by log_crash, in a signal handler. */
void log_ids_from(struct log_ids (*here)(void));

/* Returns a number as text for log_event, valid until the eighth next call in the same thread. */
const char *log_number(int64_t value);
