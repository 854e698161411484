/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/output/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool colors_output, colors_messages;

/* By descriptor: while something is watched, the stream `stdout` is a memory buffer. */
bool terminal_is_output(void) {
  return isatty(STDOUT_FILENO);
}

bool terminal_is_messages(void) {
  return isatty(STDERR_FILENO);
}

static bool is_dumb(void) {
  const char *term = getenv("TERM");
  return !term || !*term || strcmp(term, "dumb") == 0;
}

bool terminal_moves_cursor(void) {
  return terminal_is_output() && !is_dumb();
}

void terminal_choose_color(enum terminal_color color) {
  const char *no_color = getenv("NO_COLOR");
  bool allowed = color == TERMINAL_COLOR_AUTO && !(no_color && *no_color) && !is_dumb();
  colors_output = color == TERMINAL_COLOR_ALWAYS || (allowed && terminal_is_output());
  colors_messages = color == TERMINAL_COLOR_ALWAYS || (allowed && terminal_is_messages());
}

/* A size by its variable, or `asked` by the terminal. */
static size_t size_of(const char *variable, unsigned short asked) {
  const char *text = getenv(variable);
  long size = text ? strtol(text, NULL, 10) : 0;
  return size > 0 && size < 100000 ? (size_t)size : asked;
}

static struct winsize asked_size(void) {
  struct winsize size = {.ws_col = 0};
  ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
  return size;
}

size_t terminal_columns(void) {
  return terminal_is_output() ? size_of("COLUMNS", asked_size().ws_col) : 0;
}

size_t terminal_rows(void) {
  return terminal_is_output() ? size_of("LINES", asked_size().ws_row) : 0;
}

static const char *painted(struct arena *arena, enum paint paint, const char *text, bool colors) {
  static const char *const codes[] = {
      [PAINT_HEADING] = "1", [PAINT_GOOD] = "32", [PAINT_BAD] = "31", [PAINT_WARNING] = "33", [PAINT_FAINT] = "2"};
  if (!colors || paint == PAINT_PLAIN || !*text) return text;
  return arena_printf(arena, "\x1b[%sm%s\x1b[0m", codes[paint], text);
}

const char *terminal_paint(struct arena *arena, enum paint paint, const char *text) {
  return painted(arena, paint, text, colors_output);
}

const char *terminal_paint_message(struct arena *arena, enum paint paint, const char *text) {
  return painted(arena, paint, text, colors_messages);
}
