/* SPDX-License-Identifier: Apache-2.0 */
/* Reads lines of bounded size from a file or from standard input, one at a time. One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { LINE_LENGTH_MAX = 4 * 1024 * 1024 };

struct line_reader;

/* Opens a file; "-" is standard input. The caller owns the result. Errors: INVALID_ARGUMENT, which names the file. */
struct status line_reader_open(struct arena *arena, const char *path, struct line_reader **ret_reader);
void line_reader_close(struct line_reader *reader);

struct line {
  const char *text; /* until the next call; NULL if the line is longer than LINE_LENGTH_MAX, and was left out */
  size_t size;      /* without its line feed */
  size_t number;    /* from 1 */
};

/* Reads the next line. Returns false if there are no more lines, or if reading failed. */
bool line_reader_next(struct line_reader *reader, struct line *ret_line);

/* Returns why reading has failed, or OK if it has not. */
struct status line_reader_status(struct arena *arena, const struct line_reader *reader);

/* Return the bytes read so far, and how many there are in all (0 if unknown). */
uint64_t line_reader_done(const struct line_reader *reader);
uint64_t line_reader_total(const struct line_reader *reader);
