/* SPDX-License-Identifier: Apache-2.0 */
/* Call line: calls that many coroutines make of the same peer travel in groups.
 *
 * What a call costs both sides beside its work (gRPC, the handler's start) is so paid once for many. A call that comes
 * while no group is under way is sent at once, together with those of the same turn of the loop; those that come while
 * one is under way wait in line, and make the next one. Nothing is added when it is idle. A group is bounded by calls
 * and by weight; a call that is heavier goes alone. A group that is not answered within 250 ms (one of its calls is
 * held up, or the peer's replica that it has met stands) holds up no others any longer: the next one begins beside it.
 *
 * Each call has its own outcome and keeps its own deadline. One that is over, or whose caller has gone, before its
 * group is sent leaves the line: it was certainly not sent. One that is over later does not learn what became of it.
 * How a group becomes one call to the peer, and that call's answer an outcome of each, is the matter of `carry`.
 * Threads: the loop's; coroutines only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "rpc/rpc_server.h"

/* A call, on the stack of its coroutine: embed it. */
struct lined_call {
  struct context *context; /* its deadline ends the wait; the status is made in its arena */
  struct rpc_call *caller; /* for whom it is made: one who has gone is not waited for in line; NULL means nobody */
  size_t weight;
  /* out */
  bool sent; /* it may have reached the peer */
  struct status status;
  /* private */
  struct coroutine *coroutine;
  struct lined_call *next, *previous; /* in line */
  struct lined_call **place;          /* in its group; NULL means in line */
  int64_t leave_us;                   /* when it gives up */
  bool answered;
};

/* Makes one call of a group and answers each by lined_call_answer. The context has an arena for the time of the group,
 * and the latest deadline of its calls; neither position nor trace. Once this has yielded, the calls of those who
 * didn't wait are NULL, and what they point to is gone. */
typedef coroutine_fn void call_line_carry(void *user, struct context *context, struct lined_call **calls, size_t count);

struct call_line {
  struct loop *loop;
  size_t calls_max;  /* in a group */
  size_t weight_max; /* of a group with several calls */
  call_line_carry *carry;
  void *user; /* handed to it */
  /* private */
  struct lined_call *first, *last;
  uint64_t current;  /* who carries one group after the other; 0 means that nobody does */
  uint64_t carriers; /* so many there were */
  int64_t begun_us;  /* when the latest group began */
};

/* Yields until the call is answered, or over; fills what is under "out". The line must outlive its calls; with the last
 * of them, nothing of it is under way any more. Errors, beside those that `carry` answers: DEADLINE_EXCEEDED;
 * RESOURCE_EXHAUSTED OVERLOADED (no coroutine is left). */
coroutine_fn void call_line_run(struct call_line *line, struct lined_call *call);

/* Gives a call its status, which is copied. */
void lined_call_answer(struct lined_call *call, struct status status);
