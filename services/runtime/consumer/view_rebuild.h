/* SPDX-License-Identifier: Apache-2.0 */
/* View rebuild: builds a view anew beside the live one, compares both, and puts what was built in the live one's place.
 *
 * Any replica stores the job (view_rebuild_job.h). The leader does it step by step between its batches, so that
 * it never waits long for it, and while a step runs nobody moves the live view: each page is compared as of one
 * moment. The end is one function in Redis, which requires that the leader's epoch still counts, that the job is the
 * same, and that the live view has come no further than what was built (tests/model/view_rebuild.py). Until then the
 * live view is left alone. A leader that ends on the way leaves hashes that the next one removes: it begins anew. After
 * VIEW_REBUILD_ATTEMPTS beginnings the job has failed: it may be what ends them.
 *
 * A service with dead letters is refused: what its views lack is in their lists. Belongs to the consumer's coroutine.
 */
#pragma once

#include <stdbool.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/archived_events.h"
#include "consumer/dead_letters.h"
#include "consumer/progress.h"
#include "loop/coroutine.h"
#include "store/view.h"

enum { VIEW_REBUILD_ATTEMPTS = 5 };

/* What operation.action is where a view was replaced. */
#define ACTION_REBUILD_VIEW "rebuild view"

struct view_rebuild;

struct view_rebuild_options {
  const struct progress *progress; /* the consumer's */
  const struct dead_letters *dead_letters;
  const struct view *const *views;        /* all that the service has; NULL behind the last one */
  const struct outbox_route *outbox;      /* NULL if the service sends nothing */
  const struct archived_events *archived; /* may be NULL */
  void *user;                             /* work_user */
};

/* Makes it, in an arena that lives as long as the process. */
struct view_rebuild *view_rebuild_new(struct arena *arena, const struct view_rebuild_options *options);

/* Forgets what is under way. It is taken up again from its beginning. Yields. */
coroutine_fn void view_rebuild_forget(struct view_rebuild *rebuild);

/* Looks whether there is a job to be done, if none is under way. Yields. Errors: those of redis_command. */
coroutine_fn struct status view_rebuild_look(struct view_rebuild *rebuild, struct context *context);

/* Returns whether one is under way: then it goes on with view_rebuild_step. */
bool view_rebuild_is_under_way(const struct view_rebuild *rebuild);

/* Does the next step, which takes about 20 ms; to be called by the leader between its batches. What makes the job
 * fail is stored with it; after an outage it begins anew. So nothing of it ends a term but LEASE_LOST, whose text is in
 * the arena. Yields. */
coroutine_fn struct status view_rebuild_step(struct view_rebuild *rebuild, struct arena *arena);
