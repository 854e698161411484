/* SPDX-License-Identifier: Apache-2.0 */
/* Draws lines over numbers as an SVG picture, both axes by powers of ten or one of them linear. Any thread. */
#pragma once

#include <stddef.h>
#include <stdio.h>

struct plot_line {
  const char *name;
  const double *values; /* above 0; others are left out */
};

struct plot {
  const char *title, *x_title, *y_title;
  const double *x; /* rising */
  size_t count;    /* of x and of each line's values */
  const struct plot_line *lines;
  size_t line_count; /* six at most */
};

/* Writes the picture: x is linear from 0, y logarithmic. Texts are escaped. Errors show in ferror. */
void plot_write(const struct plot *plot, FILE *to);
