/* SPDX-License-Identifier: Apache-2.0 */
#include "client/load/plot.h"

#include <math.h>
#include <stdbool.h>

enum { WIDTH = 800, HEIGHT = 480, LEFT = 80, RIGHT = 110, TOP = 50, BOTTOM = 60, X_TICKS = 8 };

static const char *const colors[] = {"#1b6ca8", "#d1495b", "#2e8b57", "#8e5ea2", "#c98b2b", "#555555"};

struct area {
  double x_end;     /* of the axis */
  double low, high; /* powers of ten around all values */
  const struct plot *plot;
  FILE *to;
};

/* ---- scales ----------------------------------------------------------------------------------------------------- */

static double x_at(const struct area *area, double value) {
  return LEFT + value / area->x_end * (WIDTH - LEFT - RIGHT);
}

static double y_at(const struct area *area, double value) {
  return HEIGHT - BOTTOM - (log10(value) - area->low) / (area->high - area->low) * (HEIGHT - TOP - BOTTOM);
}

/* 1, 2 or 5 times a power of ten, so that there are X_TICKS of them at most. */
static double step_for(double end) {
  double raw = end / X_TICKS, power = pow(10, floor(log10(raw)));
  double times = raw / power;
  return power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
}

static void find_scales(struct area *area) {
  const struct plot *plot = area->plot;
  double least = INFINITY, most = 0;
  for (size_t i = 0; i < plot->line_count; i++) {
    for (size_t at = 0; at < plot->count; at++) {
      double value = plot->lines[i].values[at];
      if (value > 0 && value < least) least = value;
      if (value > most) most = value;
    }
  }
  area->x_end = plot->count > 0 && plot->x[plot->count - 1] > 0 ? plot->x[plot->count - 1] * 1.03 : 1;
  area->low = most > 0 ? floor(log10(least)) : 0;
  area->high = most > 0 ? ceil(log10(most)) : 1;
  if (area->high <= area->low) area->high = area->low + 1;
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

static void put_text(const struct area *area, double x, double y, const char *attributes, const char *text) {
  fprintf(area->to, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
  for (const char *at = text; *at; at++) {
    if (*at == '<')
      fputs("&lt;", area->to);
    else if (*at == '&')
      fputs("&amp;", area->to);
    else
      fputc(*at, area->to);
  }
  fputs("</text>\n", area->to);
}

static void put_rule(const struct area *area, double x1, double y1, double x2, double y2) {
  fprintf(area->to, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", x1, y1, x2, y2);
}

static void put_number(const struct area *area, double x, double y, const char *attributes, double number) {
  char text[32];
  snprintf(text, sizeof(text), "%.6g", number);
  put_text(area, x, y, attributes, text);
}

static void draw_axes(const struct area *area) {
  double bottom = HEIGHT - BOTTOM, right = WIDTH - RIGHT;
  double step = step_for(area->x_end);
  for (int i = 0; i * step <= area->x_end; i++) {
    double x = i * step;
    put_rule(area, x_at(area, x), TOP, x_at(area, x), bottom);
    put_number(area, x_at(area, x), bottom + 18, "text-anchor=\"middle\"", x);
  }
  for (int power = (int)area->low; power <= (int)area->high; power++) {
    double y = y_at(area, pow(10, power));
    put_rule(area, LEFT, y, right, y);
    put_number(area, LEFT - 8, y + 4, "text-anchor=\"end\"", pow(10, power));
  }
  put_text(area, (LEFT + right) / 2, HEIGHT - 15, "text-anchor=\"middle\"", area->plot->x_title);
  put_text(area, LEFT, TOP - 12, "text-anchor=\"start\"", area->plot->y_title);
  put_text(area, WIDTH / 2.0, 22, "text-anchor=\"middle\" font-weight=\"bold\"", area->plot->title);
}

static void draw_line(const struct area *area, size_t number) {
  const struct plot_line *line = &area->plot->lines[number];
  fprintf(area->to, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", colors[number]);
  double last_y = 0;
  for (size_t i = 0; i < area->plot->count; i++) {
    if (!(line->values[i] > 0)) continue;
    last_y = y_at(area, line->values[i]);
    fprintf(area->to, "%.1f,%.1f ", x_at(area, area->plot->x[i]), last_y);
  }
  fputs("\"/>\n", area->to);
  for (size_t i = 0; i < area->plot->count; i++) {
    if (!(line->values[i] > 0)) continue;
    fprintf(area->to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", x_at(area, area->plot->x[i]),
            y_at(area, line->values[i]), colors[number]);
  }
  char attributes[40];
  snprintf(attributes, sizeof(attributes), "fill=\"%s\"", colors[number]);
  if (last_y > 0) put_text(area, WIDTH - RIGHT + 8, last_y + 4, attributes, line->name);
}

void plot_write(const struct plot *plot, FILE *to) {
  struct area area = {.plot = plot, .to = to};
  find_scales(&area);
  fprintf(to,
          "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
          "height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"13\">\n"
          "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
          WIDTH, HEIGHT, WIDTH, HEIGHT);
  draw_axes(&area);
  for (size_t i = 0; i < plot->line_count; i++) draw_line(&area, i);
  fputs("</svg>\n", to);
}
