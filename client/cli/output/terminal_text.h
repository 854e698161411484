/* SPDX-License-Identifier: Apache-2.0 */
/* Text from the shop on a terminal: what a customer chose as a name must neither move the cursor nor forge a line.
 * Any thread. */
#pragma once

#include <stddef.h>

#include "base/arena.h"

/* One line: control characters, line breaks, characters that change the direction of writing and bytes that are not
 * UTF-8 come as \n, \t, \x1b or \u202e, everything else as it is. */
const char *terminal_line(struct arena *arena, const char *text);

/* Likewise, but line feeds and tabs stay. */
const char *terminal_lines(struct arena *arena, const char *text);

/* Columns that a line takes on a terminal. */
size_t terminal_width(const char *line);

/* The line, or as much of it as fits into `columns` with an ellipsis behind it. */
const char *terminal_cut(struct arena *arena, const char *line, size_t columns);
