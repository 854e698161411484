/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/call_line.h"

#include "base/clock.h"
#include "in_coroutine.h"
#include "suite.h"

enum { CALLS = 12, CALLS_MAX = 4, WEIGHT_MAX = 10 };

/* A call of the test: which group has carried it, and with how many others. */
struct test_call {
  struct lined_call lined;
  struct context context;
  size_t group, company;
  bool ended;
};

static struct test_call calls[CALLS];
static struct call_line line;
static size_t groups, under_way, released; /* groups that began, that are carried, that may be answered */
static struct condition changed;

static void wait_for_groups(size_t count) {
  while (groups < count) condition_wait(&changed, DEADLINE_NEVER);
}

/* Lets so many groups be answered: all that begin before are, too. */
static void release_groups(size_t count) {
  released = count;
  condition_signal_all(&changed);
}

/* Answers each with its own code, its index. */
static void carry(void *user, struct context *context, struct lined_call **lined, size_t count) {
  (void)user;
  size_t group = ++groups;
  under_way++;
  for (size_t i = 0; i < count; i++) {
    struct test_call *call = (struct test_call *)lined[i];
    CU_ASSERT_TRUE(context->deadline_us >= call->context.deadline_us);
    call->group = group;
    call->company = count;
  }
  condition_signal_all(&changed);
  while (released < group) condition_wait(&changed, DEADLINE_NEVER);
  for (size_t i = 0; i < count; i++) {
    if (!lined[i]) continue;
    size_t index = (size_t)((struct test_call *)lined[i] - calls);
    lined_call_answer(lined[i], status_error(context->arena, (enum status_code)index, reason_overloaded, "%zu", index));
  }
  under_way--;
}

static void make(void *argument) {
  struct test_call *call = argument;
  call_line_run(&line, &call->lined);
  call->ended = true;
  condition_signal_all(&changed);
}

static void begin(struct context *context, size_t index, size_t weight, int64_t deadline_us) {
  struct test_call *call = &calls[index];
  *call = (struct test_call){.context = {.arena = context->arena, .deadline_us = deadline_us}};
  call->lined = (struct lined_call){.context = &call->context, .weight = weight};
  CU_ASSERT_FATAL(loop_spawn(coroutine_loop(), make, call));
}

static void begin_some(struct context *context, size_t first, size_t count) {
  for (size_t i = first; i < first + count; i++) begin(context, i, 1, context->deadline_us);
}

static void wait_for_end(size_t first, size_t count) {
  for (size_t i = first; i < first + count; i++) {
    while (!calls[i].ended) condition_wait(&changed, DEADLINE_NEVER);
  }
}

static void set_up_line(size_t may_be_answered) {
  line = (struct call_line){.loop = coroutine_loop(), .calls_max = CALLS_MAX, .weight_max = WEIGHT_MAX, .carry = carry};
  groups = under_way = 0;
  released = may_be_answered;
}

static void assert_carried(size_t index, size_t group, size_t company) {
  CU_ASSERT_EQUAL(calls[index].group, group);
  CU_ASSERT_EQUAL(calls[index].company, company);
  CU_ASSERT_TRUE(calls[index].lined.sent);
  CU_ASSERT_EQUAL(calls[index].lined.status.code, index);
}

static void those_that_come_meanwhile(struct context *context) {
  set_up_line(0);
  begin_some(context, 0, 1);
  wait_for_groups(1);
  begin_some(context, 1, 3);
  while (line.last != &calls[3].lined) coroutine_sleep(100, context->deadline_us);
  CU_ASSERT_EQUAL(groups, 1);
  release_groups(CALLS);
  wait_for_end(0, 4);
  assert_carried(0, 1, 1);
  for (size_t i = 1; i < 4; i++) assert_carried(i, 2, 3);
  CU_ASSERT_EQUAL(line.current, 0);
}

static void of_one_turn(struct context *context) {
  set_up_line(CALLS);
  begin_some(context, 0, 3);
  wait_for_end(0, 3);
  for (size_t i = 0; i < 3; i++) assert_carried(i, 1, 3);
}

static void bounds(struct context *context) {
  set_up_line(CALLS);
  begin_some(context, 0, 5); /* one too many */
  begin(context, 5, WEIGHT_MAX, context->deadline_us);
  begin(context, 6, 10 * WEIGHT_MAX, context->deadline_us);
  begin(context, 7, 1, context->deadline_us);
  wait_for_end(0, 8);
  for (size_t i = 0; i < 4; i++) assert_carried(i, 1, 4);
  assert_carried(4, 2, 1);
  assert_carried(5, 3, 1);
  assert_carried(6, 4, 1);
  assert_carried(7, 5, 1);
}

static void over_in_line(struct context *context) {
  set_up_line(0);
  begin_some(context, 0, 1);
  wait_for_groups(1);
  begin(context, 1, 1, clock_monotonic_us() + 10 * 1000);
  wait_for_end(1, 1);
  CU_ASSERT_EQUAL(calls[1].lined.status.code, STATUS_DEADLINE_EXCEEDED);
  CU_ASSERT_FALSE(calls[1].lined.sent);
  release_groups(CALLS);
  wait_for_end(0, 1);
  CU_ASSERT_EQUAL(groups, 1);
}

static void over_when_sent(struct context *context) {
  set_up_line(0);
  begin(context, 0, 1, context->deadline_us);
  begin(context, 1, 1, clock_monotonic_us() + 100 * 1000);
  wait_for_groups(1);
  wait_for_end(1, 1);
  CU_ASSERT_EQUAL(calls[1].lined.status.code, STATUS_DEADLINE_EXCEEDED);
  CU_ASSERT_TRUE(calls[1].lined.sent);
  CU_ASSERT_FALSE(calls[0].ended);
  release_groups(1);
  wait_for_end(0, 1);
  assert_carried(0, 1, 2);
}

/* Its call has their deadline: nothing is under way any more once the last caller knows. */
static void the_last_waits(struct context *context) {
  set_up_line(0);
  int64_t deadline_us = clock_monotonic_us() + 50 * 1000;
  begin(context, 0, 1, deadline_us);
  wait_for_groups(1);
  coroutine_sleep(100 * 1000, DEADLINE_NEVER);
  CU_ASSERT_TRUE(clock_monotonic_us() > deadline_us);
  CU_ASSERT_FALSE(calls[0].ended);
  release_groups(1);
  wait_for_end(0, 1);
  CU_ASSERT_EQUAL(under_way, 0);
  CU_ASSERT_EQUAL(line.current, 0);
}

static void a_group_is_stuck(struct context *context) {
  set_up_line(0);
  begin_some(context, 0, 1);
  wait_for_groups(1);
  begin_some(context, 1, 2);
  wait_for_groups(2); /* although the first has no answer */
  begin_some(context, 3, 2);
  wait_for_groups(3);
  CU_ASSERT_EQUAL(under_way, 3);
  release_groups(CALLS);
  wait_for_end(0, 5);
  assert_carried(0, 1, 1);
  for (size_t i = 1; i < 3; i++) assert_carried(i, 2, 2);
  for (size_t i = 3; i < 5; i++) assert_carried(i, 3, 2);
  begin_some(context, 0, 1);
  wait_for_end(0, 1);
  assert_carried(0, 4, 1);
}

static void test_meanwhile(void) {
  in_coroutine(those_that_come_meanwhile);
}

static void test_one_turn(void) {
  in_coroutine(of_one_turn);
}

static void test_bounds(void) {
  in_coroutine(bounds);
}

static void test_over_in_line(void) {
  in_coroutine(over_in_line);
}

static void test_over_when_sent(void) {
  in_coroutine(over_when_sent);
}

static void test_last(void) {
  in_coroutine(the_last_waits);
}

static void test_stuck(void) {
  in_coroutine(a_group_is_stuck);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"calls that come while one is under way make the next group, each with its own outcome", test_meanwhile},
      {"calls of the same turn go at once, in one group", test_one_turn},
      {"a group has as many calls and as much weight as allowed; what is heavier goes alone", test_bounds},
      {"a call whose deadline comes while it waits in line was not sent", test_over_in_line},
      {"a call whose deadline comes while it is under way leaves, and its group goes on", test_over_when_sent},
      {"of those under way the last caller waits for the end of the group's call", test_last},
      {"groups that get no answer hold up no others", test_stuck},
  };
  return suite_main("call line", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
