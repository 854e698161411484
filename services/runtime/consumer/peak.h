/* SPDX-License-Identifier: Apache-2.0 */
/* Peak: whether a consumer that is behind would stay behind if it took an eighth of the time only, since at least as
 * many events come as it handles in that. What comes and what it handles are counted from one look to the next, so that
 * it doesn't matter whether it has given way meanwhile. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "consumer/progress.h"
#include "loop/coroutine.h"

enum { PEAK_SHARE = 8 }; /* who gives way takes one part in so many of the time */

/* A zero-initialised one is for a consumer that has just fallen behind. That counts as a peak until the second look. */
struct peak {
  int64_t looked_us; /* when the last look was; 0 means never */
  int64_t added;     /* entries that the streams had got by then, ever */
  int64_t handled;   /* events since then */
  int64_t busy_us;   /* that they took */
  bool is_over;
};

/* Counts events that have been handled, and the time that they took. */
void peak_note(struct peak *peak, size_t handled, int64_t busy_us);

/* Looks whether it is over, four times a second at most: it asks Redis then, which yields. If Redis doesn't answer, it
 * counts as a peak. */
coroutine_fn void peak_look(struct peak *peak, const struct progress *progress, struct context *context);
