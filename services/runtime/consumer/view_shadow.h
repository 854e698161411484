/* SPDX-License-Identifier: Apache-2.0 */
/* View shadow: a view that is built anew beside the live one, from the events that feed it.
 *
 * Where the view is kept by projections alone, these are the events of their subscriptions; otherwise all that handlers
 * get, since a handler may read one view to write another one. They are read from the beginning of the log, in the
 * order in which the consumer handles them (view_source.h), and never beyond what it has handled. The handlers run in a
 * unit of work of which only the records of views are kept, in hashes of their own (view_shadow_key). Events that only
 * a run handler (subscription.h) gets feed no view.
 *
 * An event that its handler refuses for good leaves nothing, as a dead letter. Belongs to the consumer's coroutine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/archived_events.h"
#include "consumer/progress.h"
#include "loop/coroutine.h"
#include "redis/redis_arguments.h"
#include "store/view.h"

struct view_shadow;

struct view_shadow_options {
  const struct progress *progress; /* the consumer's */
  const struct view *view;
  const struct view *const *views;        /* all of the service, NULL behind the last */
  const struct outbox_route *outbox;      /* NULL if the service sends nothing */
  const struct archived_events *archived; /* may be NULL */
  void *user;                             /* work_user */
};

/* Makes it; the arena must live as long. Nothing was read yet. */
struct view_shadow *view_shadow_new(struct arena *arena, const struct view_shadow_options *options);

/* Ends it. Yields. NULL is allowed. */
coroutine_fn void view_shadow_free(struct view_shadow *shadow);

/* As view_source_check. Yields. */
coroutine_fn struct status view_shadow_check(const struct view_shadow *shadow, struct context *context,
                                             int64_t *ret_events);

/* Applies the next events, a page at most, with memory of its own; the context's arena gets the error. *ret_caught_up
 * says whether the shadow has now come to where the consumer is. To be called between batches. Errors: those of
 * view_source_read; LEASE_LOST; what a handler has answered that says nothing against its event. Yields. */
coroutine_fn struct status view_shadow_step(struct view_shadow *shadow, struct context *context, bool *ret_caught_up);

/* How many events were applied, and how many of these left out. */
int64_t view_shadow_events(const struct view_shadow *shadow);
int64_t view_shadow_left_out(const struct view_shadow *shadow);

/* Adds for each stream its name, and the entry up to which the consumer has applied it, to which the shadow has come.
 * Returns how many streams these are. */
size_t view_shadow_add_places(const struct view_shadow *shadow, struct redis_arguments *places);
