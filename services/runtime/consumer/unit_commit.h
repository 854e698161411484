/* SPDX-License-Identifier: Apache-2.0 */
/* Unit commit: the commit of a unit of work (work.h), in a coroutine of its own, so that the next unit can be handled
 * meanwhile. What the unit sends is then told to the outbox, which need not read it. There is one at a time; the next
 * one begins when it has ended. Threads: the loop's. */
#pragma once

#include <stdbool.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/outbox_delivery.h"
#include "consumer/work_commit.h"
#include "loop/coroutine.h"

/* A zero-initialised one is not under way. What it points to must live until it has ended. */
struct unit_commit {
  struct work_unit *unit; /* NULL means that none is under way */
  struct context context;
  struct outbox *outbox;       /* NULL if the service sends nothing */
  struct work_refusal refusal; /* after WORK_REFUSED: by whom */
  /* private */
  bool over;
  struct condition ended;
  struct status status;
};

/* Begins it; unit, context and outbox must be set. It is over on return if `waits`, or if no coroutine is left. */
coroutine_fn void unit_commit_begin(struct unit_commit *commit, bool waits);

/* Yields until it is over; there must be one. Returns what work_commit did. */
coroutine_fn struct status unit_commit_end(struct unit_commit *commit);
