/* SPDX-License-Identifier: Apache-2.0 */
/* A bar on standard error that shows how far something is; nothing where that is no terminal. One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
  bool shown; /* there is a bar to wipe away */
  int64_t drawn_us;
};

/* Draws it anew, at most ten times a second. `total` 0: how much there is, nobody knows. `text` stands behind it. */
void progress_show(struct progress *progress, uint64_t done, uint64_t total, const char *text);

/* Wipes it away, before something else is written. */
void progress_hide(struct progress *progress);
