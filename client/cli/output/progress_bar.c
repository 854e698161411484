/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/output/progress_bar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/cli/output/terminal.h"

enum { WIDTH = 30, INTERVAL_US = 100 * 1000 };

static void draw_bar(uint64_t done, uint64_t total) {
  static const char full[] = "##############################", empty[] = "..............................";
  if (done > total) done = total;
  int filled = (int)(done * WIDTH / total);
  fprintf(stderr, "[%.*s%.*s] %3d%%  ", filled, full, WIDTH - filled, empty, (int)(done * 100 / total));
}

void progress_bar_show(struct progress_bar *bar, uint64_t done, uint64_t total, const char *text) {
  const char *term = getenv("TERM");
  if (!terminal_is_messages() || !term || strcmp(term, "dumb") == 0) return;
  int64_t now_us = clock_monotonic_us();
  if (bar->shown && now_us - bar->drawn_us < INTERVAL_US) return;
  bar->shown = true;
  bar->drawn_us = now_us;
  fputc('\r', stderr);
  if (total > 0) draw_bar(done, total);
  fprintf(stderr, "%s\x1b[K", text);
  fflush(stderr);
}

void progress_bar_hide(struct progress_bar *bar) {
  if (!bar->shown) return;
  fputs("\r\x1b[K", stderr);
  fflush(stderr);
  *bar = (struct progress_bar){.shown = false};
}
