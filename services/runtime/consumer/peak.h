/* SPDX-License-Identifier: Apache-2.0 */
/* Peak: whether events come faster than a consumer handles them, or as fast. Its lag tells: as long as it doesn't
 * shrink, the peak lasts. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/progress.h"
#include "loop/coroutine.h"

/* A zero-initialised one is for a consumer that has just fallen behind, by a peak as long as nothing else is known. */
struct peak {
  int64_t lag;       /* at the last look, in entries */
  int64_t looked_us; /* when that was; 0 means never */
  bool is_over;
};

/* Has a look if the last one was a while ago: it asks Redis then, which yields. Errors: those of redis_command. */
coroutine_fn struct status peak_look(struct peak *peak, const struct progress *progress, struct context *context);
