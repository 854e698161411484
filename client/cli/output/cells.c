/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/output/cells.h"

#include <stdio.h>

#include "client/cli/output/terminal.h"
#include "client/cli/output/terminal_text.h"

static void print_row(struct arena *arena, const char *const *cells, const size_t *widths, size_t columns,
                      enum paint paint) {
  for (size_t i = 0; i < columns; i++) {
    size_t padding = i + 1 == columns ? 0 : widths[i] - terminal_width(cells[i]);
    printf("%s%s%*s", i > 0 ? "  " : "", terminal_paint(arena, paint, cells[i]), (int)padding, "");
  }
  putchar('\n');
}

void cells_show(struct arena *arena, const char *const *cells, size_t rows, size_t columns) {
  size_t *widths = arena_calloc(arena, columns, sizeof *widths);
  for (size_t i = 0; i < rows * columns; i++) {
    size_t width = terminal_width(cells[i]);
    if (width > widths[i % columns]) widths[i % columns] = width;
  }
  for (size_t row = 0; rows > 1 && row < rows; row++) {
    print_row(arena, cells + row * columns, widths, columns, row == 0 ? PAINT_HEADING : PAINT_PLAIN);
  }
}
