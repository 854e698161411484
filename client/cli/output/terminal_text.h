/* SPDX-License-Identifier: Apache-2.0 */
/* Makes text from the shop safe for a terminal: what a customer chose as a name must neither move the cursor nor forge
 * a line. Any thread. */
#pragma once

#include <stddef.h>

#include "base/arena.h"

/* Returns the text as one line: control characters, line breaks, characters that change the direction of writing and
 * bytes that are not UTF-8 come as \n, \t, \x1b or \u202e, everything else as it is. */
const char *terminal_line(struct arena *arena, const char *text);

/* Does the same, but line feeds and tabs stay. */
const char *terminal_lines(struct arena *arena, const char *text);

/* Returns the columns that a line takes on a terminal. */
size_t terminal_width(const char *line);

/* Returns the line, or as much of it as fits into `columns` with an ellipsis behind it. */
const char *terminal_cut(struct arena *arena, const char *line, size_t columns);
