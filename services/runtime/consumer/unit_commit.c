/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/unit_commit.h"

#include "consumer/outbox_list.h"
#include "loop/fail_point.h"
#include "loop/loop.h"

static struct status lost_answer(const struct unit_commit *commit, const char *where) {
  return status_error(commit->context.arena, STATUS_UNAVAILABLE, reason_fail_point, "the fail point %s", where);
}

static coroutine_fn struct status run(struct unit_commit *commit) {
  if (fail_point("consumer.before_commit")) return lost_answer(commit, "consumer.before_commit");
  struct status status = work_commit(commit->unit, &commit->context, &commit->refusal);
  if (!status_is_ok(status)) return status;
  return fail_point("consumer.after_commit") ? lost_answer(commit, "consumer.after_commit") : status;
}

static coroutine_fn struct status run_and_hand_over(struct unit_commit *commit) {
  const struct redis_arguments *sends = work_unit_sends(commit->unit);
  if (sends->count == 0) return run(commit);
  struct outbox_list *list = outbox_known(commit->outbox);
  uint64_t knowledge = outbox_list_push(list);
  struct status status = run(commit);
  outbox_list_pushed(list, knowledge, status_is_ok(status), sends);
  outbox_wake(commit->outbox);
  return status;
}

static coroutine_fn void carry_out(void *argument) {
  struct unit_commit *commit = argument;
  commit->status = run_and_hand_over(commit);
  commit->over = true;
  condition_signal_all(&commit->ended);
}

coroutine_fn void unit_commit_begin(struct unit_commit *commit, bool waits) {
  if (waits || !loop_spawn(coroutine_loop(), carry_out, commit)) {
    carry_out(commit);
  } else {
    coroutine_sleep(0, DEADLINE_NEVER); /* so that it is sent before the next unit keeps the loop busy */
  }
}

coroutine_fn struct status unit_commit_end(struct unit_commit *commit) {
  while (!commit->over) condition_wait(&commit->ended, DEADLINE_NEVER);
  commit->unit = NULL;
  return commit->status;
}
