/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/call_line.h"

#include "base/clock.h"
#include "loop/label.h"

static const int64_t HOLD_UP_US = 250 * 1000;

struct group {
  struct context context;
  struct lined_call **calls;
  size_t count, weight;
};

/* ---- the line --------------------------------------------------------------------------------------------------- */

static void line_up(struct call_line *line, struct lined_call *call) {
  call->previous = line->last;
  *(call->previous ? &call->previous->next : &line->first) = call;
  line->last = call;
}

static void leave_line(struct call_line *line, struct lined_call *call) {
  *(call->previous ? &call->previous->next : &line->first) = call->next;
  *(call->next ? &call->next->previous : &line->last) = call->previous;
}

void lined_call_answer(struct lined_call *call, struct status status) {
  call->status = status_copy(status, call->context->arena);
  call->answered = true;
  coroutine_wake(call->coroutine);
}

static struct status over(const struct lined_call *call) {
  return status_error(call->context->arena, STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded,
                      call->sent ? "the peer has not answered within the deadline"
                                 : "the call was over before the peer could be asked; nothing was sent");
}

/* ---- groups ----------------------------------------------------------------------------------------------------- */

static bool has_room(const struct call_line *line, const struct group *group, const struct lined_call *call) {
  if (group->count == 0) return true;
  return group->count < line->calls_max && group->weight + call->weight <= line->weight_max;
}

static bool is_over(const struct lined_call *call) {
  return call->context->deadline_us <= clock_monotonic_us() || (call->caller && rpc_call_cancelled(call->caller));
}

static void join(struct group *group, struct lined_call *call) {
  call->place = &group->calls[group->count++];
  *call->place = call;
  group->weight += call->weight;
  if (group->context.deadline_us < call->context->deadline_us) group->context.deadline_us = call->context->deadline_us;
}

/* Takes those off the line that make the next group. One that nobody waits for any more is answered instead. */
static void take_calls(struct call_line *line, struct group *group) {
  while (line->first && has_room(line, group, line->first)) {
    struct lined_call *call = line->first;
    leave_line(line, call);
    if (is_over(call)) {
      lined_call_answer(call, over(call));
    } else {
      join(group, call);
    }
  }
}

/* Those who could wait longest wait for the group's call itself, which has their deadline: so as long as the group is
 * under way there is one of its callers, too, and none can end before it. */
static void mark_sent(struct group *group) {
  for (size_t i = 0; i < group->count; i++) {
    struct lined_call *call = group->calls[i];
    call->sent = true;
    if (call->context->deadline_us == group->context.deadline_us) call->leave_us = DEADLINE_NEVER;
  }
}

static coroutine_fn void carry_next(struct call_line *line) {
  struct arena *arena = arena_new();
  struct group group = {.context = {.arena = arena},
                        .calls = arena_calloc(arena, line->calls_max, sizeof(struct lined_call *))};
  take_calls(line, &group);
  mark_sent(&group);
  if (group.count > 0) line->carry(line->user, &group.context, group.calls, group.count);
  arena_free(arena);
}

/* One that another has begun beside leaves the rest to that. */
static coroutine_fn void run(void *argument) {
  struct call_line *line = argument;
  label_set(&(struct label){.kind = "line", .name = "calls to a peer"});
  uint64_t own = line->current;
  do {
    line->begun_us = clock_monotonic_us();
    carry_next(line);
  } while (line->first && line->current == own);
  if (line->current == own) line->current = 0;
}

/* ---- one call --------------------------------------------------------------------------------------------------- */

static struct status no_coroutine(struct arena *arena) {
  enum { RETRY_MS = 1000 };
  struct status status =
      status_error(arena, STATUS_RESOURCE_EXHAUSTED, reason_overloaded, "there is too much to do; nothing was sent");
  return status_with_retry(status, arena, RETRY_MS);
}

/* The group goes on without it. */
static void give_up(struct call_line *line, struct lined_call *call) {
  if (call->place) {
    *call->place = NULL;
  } else {
    leave_line(line, call);
  }
  call->status = over(call);
  call->answered = true;
}

/* When another group may begin. */
static int64_t next_us(const struct call_line *line) {
  return line->current == 0 ? 0 : line->begun_us + HOLD_UP_US;
}

/* Does nothing if there is no coroutine for it. */
static void begin_group(struct call_line *line) {
  line->begun_us = clock_monotonic_us();
  if (loop_spawn(line->loop, run, line)) line->current = ++line->carriers;
}

static coroutine_fn void wait_for_answer(struct call_line *line, struct lined_call *call) {
  while (!call->answered) {
    bool waits_in_line = !call->place && next_us(line) < call->leave_us;
    coroutine_yield_until(waits_in_line ? next_us(line) : call->leave_us);
    if (call->answered) return;
    int64_t now_us = clock_monotonic_us();
    if (call->leave_us <= now_us) {
      give_up(line, call);
    } else if (!call->place && next_us(line) <= now_us) {
      begin_group(line);
    }
  }
}

coroutine_fn void call_line_run(struct call_line *line, struct lined_call *call) {
  if (next_us(line) <= clock_monotonic_us()) begin_group(line);
  if (line->current == 0) {
    call->status = no_coroutine(call->context->arena);
    return;
  }
  call->coroutine = coroutine_self();
  call->leave_us = call->context->deadline_us;
  line_up(line, call);
  wait_for_answer(line, call);
}
