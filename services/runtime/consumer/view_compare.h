/* SPDX-License-Identifier: Apache-2.0 */
/* View compare: compares the live view with the one that was built anew (view_shadow.h), field by field, a page of rows
 * at a time.
 *
 * First come the rows of the live view, each with its counterpart, then those rows that it lacks. A page is of one
 * moment if both views have come to the same position and nobody writes them meanwhile; between pages they may move on
 * together: what is the same stays the same. Memory: the arena. Belongs to the consumer's coroutine. */
#pragma once

#include <stdbool.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/view_rebuild_job.h"
#include "loop/coroutine.h"
#include "store/view.h"

enum { VIEW_DIFFERENCES_MAX = 10000 }; /* at so many rows that differ the comparison ends */

struct view_compare;

/* Begins a comparison, which counts into the job. All must live as long as the result. */
struct view_compare *view_compare_new(struct arena *arena, struct event_store *store, const struct view *view,
                                      struct view_rebuild_job *job);

/* Compares the next page. *ret_done says whether it was the last one. Yields. Errors: those of redis_command. */
coroutine_fn struct status view_compare_step(struct view_compare *compare, struct context *context, bool *ret_done);
