/* SPDX-License-Identifier: Apache-2.0 */
/* Knows what standard output is: a terminal of some width that shows colours, or something that programs read, where
 * nothing is cut or coloured. One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

enum terminal_color { TERMINAL_COLOR_AUTO, TERMINAL_COLOR_ALWAYS, TERMINAL_COLOR_NEVER };

/* Turns colours on when `color` says so; with AUTO, on a terminal, unless NO_COLOR (https://no-color.org) is set or
 * TERM is dumb. Before the first call there are none. */
void terminal_choose_color(enum terminal_color color);

bool terminal_is_output(void);    /* standard output is a terminal */
bool terminal_is_messages(void);  /* standard error is one */
size_t terminal_columns(void);    /* of standard output, by COLUMNS or the terminal's own word; 0 means unlimited */
size_t terminal_rows(void);       /* likewise by LINES; 0 means unlimited */
bool terminal_moves_cursor(void); /* standard output can be redrawn */

enum paint { PAINT_PLAIN, PAINT_HEADING, PAINT_GOOD, PAINT_BAD, PAINT_WARNING, PAINT_FAINT };

/* Returns the text between the codes of its paint, or as it is where there are no colours. The first is for standard
 * output, the second for standard error. */
const char *terminal_paint(struct arena *arena, enum paint paint, const char *text);
const char *terminal_paint_message(struct arena *arena, enum paint paint, const char *text);
