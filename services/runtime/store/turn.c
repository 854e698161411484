/* SPDX-License-Identifier: Apache-2.0 */
#include "store/turn.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "loop/coroutine.h"

struct turn turn_of(struct event_store *store, struct context *context, const char *type, const char *id) {
  return (struct turn){.store = store, .context = context, .type = type, .id = id};
}

/* Between half and the whole of a backoff that doubles each time. */
int64_t turn_pause_us(int waits) {
  enum { FIRST_US = 1000, DOUBLINGS_MAX = 6 };
  uint32_t backoff = (uint32_t)FIRST_US << (waits < DOUBLINGS_MAX ? waits : DOUBLINGS_MAX);
  return backoff / 2 + arc4random() % (backoff / 2 + 1);
}

static coroutine_fn bool wait_in_line(struct turn *turn) {
  struct arena *arena = turn->context->arena;
  const char *id = uuid_canonical(arena, turn->id);
  const char *key = arena_printf(arena, "%s:%s", turn->type, id ? id : turn->id);
  return keyed_lock_acquire(&turn->store->turns, &turn->holder, key, turn->context->deadline_us);
}

static coroutine_fn bool sleep_a_moment(const struct turn *turn) {
  coroutine_sleep(turn_pause_us(turn->waits), turn->context->deadline_us);
  return clock_monotonic_us() < turn->context->deadline_us;
}

coroutine_fn bool turn_wait(struct turn *turn, struct status *ret_status) {
  bool in_time = turn->holder.holds ? sleep_a_moment(turn) : wait_in_line(turn);
  turn->waits++;
  if (in_time) return true;
  *ret_status = status_error(turn->context->arena, STATUS_DEADLINE_EXCEEDED, reason_contended,
                             "%s %s was being changed by others until the deadline", turn->type, turn->id);
  return false;
}

void turn_end(struct turn *turn) {
  if (turn->holder.holds) keyed_lock_release(&turn->store->turns, &turn->holder);
}
