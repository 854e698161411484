/* SPDX-License-Identifier: Apache-2.0 */
/* One line of the log as text, in logfmt or JSON, in a buffer of bounded size. Belongs to one thread at a time;
 * async-signal-safe.
 *
 *   log_line_begin(&line, LOG_LOGFMT);
 *   log_line_add(&line, "message", "redis is back");
 *   log_line_end(&line);    -> message="redis is back"\n
 *
 * A value too long for what is left ends in "..."; a field for which nothing is left is dropped. */
#pragma once

#include <stddef.h>

#include "base/log.h"

#define LOG_LINE_MAX 4096 /* PIPE_BUF: a line goes into a pipe as a whole */

struct log_line {
  enum log_format format;
  size_t size; /* bytes used */
  char bytes[LOG_LINE_MAX];
};

void log_line_begin(struct log_line *line, enum log_format format);
void log_line_add(struct log_line *line, const char *key, const char *value);
void log_line_end(struct log_line *line);
