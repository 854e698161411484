/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log_wait.h"

#include "base/clock.h"
#include "loop/loop.h"

enum { ANSWER_US = 5000000, UNBLOCK_EVERY_US = 20000 };

static coroutine_fn void carry_out(void *argument) {
  struct log_wait *wait = argument;
  wait->status = stream_reader_wait(wait->reader, wait->store->blocking, &wait->context, wait->ms);
  wait->under_way = false;
  wait->is_over = true;
  condition_signal_all(wait->ended);
}

void log_wait_begin(struct log_wait *wait, uint64_t redis_era, int64_t ms) {
  if (wait->under_way || wait->is_over) return;
  wait->ms = ms;
  wait->context = (struct context){
      .arena = arena_new(), .deadline_us = clock_monotonic_us() + ms * 1000 + ANSWER_US, .redis_era = redis_era};
  wait->under_way = loop_spawn(coroutine_loop(), carry_out, wait);
  if (!wait->under_way) arena_free(wait->context.arena);
}

bool log_wait_is_over(struct log_wait *wait, struct arena *arena, struct status *ret_status) {
  if (!wait->is_over) return false;
  wait->is_over = false;
  *ret_status = status_copy(wait->status, arena);
  arena_free(wait->context.arena);
  return true;
}

coroutine_fn void log_wait_end(struct log_wait *wait) {
  while (wait->under_way) {
    redis_unblock(wait->store->commands, redis_client_id(wait->store->blocking));
    if (wait->under_way) condition_wait(wait->ended, clock_monotonic_us() + UNBLOCK_EVERY_US);
  }
  if (wait->is_over) arena_free(wait->context.arena);
  wait->is_over = false;
}
