/* SPDX-License-Identifier: Apache-2.0 */
/* Draws a bar on standard error that shows how far something is; does nothing where that is not a terminal. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress_bar {
  bool shown; /* there is a bar to wipe away */
  int64_t drawn_us;
};

/* Draws the bar anew, at most ten times a second. A `total` of 0 means that it is not known how much there is. `text`
 * stands behind the bar. */
void progress_bar_show(struct progress_bar *bar, uint64_t done, uint64_t total, const char *text);

/* Wipes the bar away, before something else is written. */
void progress_bar_hide(struct progress_bar *bar);
