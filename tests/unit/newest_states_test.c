/* SPDX-License-Identifier: Apache-2.0 */
#include "store/newest_states.h"

#include <string.h>

#include "base/clock.h"
#include "in_coroutine.h"
#include "loop/loop.h"
#include "patience.h"
#include "suite.h"

static struct newest_states *states;

static struct newest_state state_of(const char *text) {
  return (struct newest_state){text, text ? strlen(text) : 0};
}

static struct newest_command begun(void) {
  struct newest_command command = newest_command_of(states, patience_end_us());
  CU_ASSERT_TRUE(newest_begin(&command));
  return command;
}

static bool finds(struct newest_command *command, const char *name, const char *text) {
  struct newest_state state;
  if (!newest_find(newest_use(command, name), &state)) return false;
  if (!text || !state.bytes) return !text && !state.bytes;
  return state.size == strlen(text) && memcmp(state.bytes, text, state.size) == 0;
}

static bool knows(struct newest_command *command, const char *name) {
  struct newest_state state;
  return newest_find(newest_use(command, name), &state);
}

static bool is_known(struct newest_use *use) {
  struct newest_state state;
  return newest_find(use, &state);
}

/* A command that has read `from` and sent `to`. */
static struct newest_command sent(const char *name, const char *from, const char *to) {
  struct newest_command command = begun();
  struct newest_use *use = newest_use(&command, name);
  if (!is_known(use)) newest_take(use, state_of(from));
  CU_ASSERT_TRUE(finds(&command, name, from));
  newest_change(use, state_of(to));
  newest_send(&command);
  return command;
}

static void end(struct newest_command *command, enum newest_outcome outcome) {
  newest_answered(command, outcome);
  newest_end(command);
}

static void begin_states(struct context *context) {
  states = newest_states_new(context->arena);
}

static void assert_unused(void) {
  CU_ASSERT_EQUAL(newest_states_used(states), 0);
}

static void assert_empty(void) {
  assert_unused();
  CU_ASSERT_EQUAL(newest_states_kept(states), 0);
}

/* ---- what is known ---------------------------------------------------------------------------------------------- */

static void what_was_sent_last_is_found(struct context *context) {
  begin_states(context);
  struct newest_command first = sent("a", "1", "2"), second = sent("a", "2", "3"), third = begun();
  CU_ASSERT_TRUE(finds(&third, "a", "3"));
  CU_ASSERT_FALSE(newest_has_kept(&third));
  CU_ASSERT_FALSE(knows(&third, "b"));
  end(&first, NEWEST_DONE);
  CU_ASSERT_TRUE(finds(&third, "a", "3"));
  end(&second, NEWEST_DONE);
  newest_end(&third);
  assert_unused();
}

static void a_state_is_kept_while_nobody_uses_it(struct context *context) {
  begin_states(context);
  struct newest_command first = sent("a", "1", "2");
  end(&first, NEWEST_DONE);
  assert_unused();
  CU_ASSERT_EQUAL(newest_states_kept(states), 1);
  struct newest_command later = begun();
  CU_ASSERT_TRUE(finds(&later, "a", "2"));
  CU_ASSERT_TRUE(newest_has_kept(&later));
  CU_ASSERT_EQUAL(newest_states_kept(states), 0);
  newest_end(&later);
}

static void what_may_not_be_stored_is_not_kept(struct context *context) {
  begin_states(context);
  struct newest_command given_up = sent("a", "1", "2"), refused = sent("b", "1", "2"), without = begun();
  CU_ASSERT_FALSE(knows(&without, "c"));
  newest_end(&without);
  end(&given_up, NEWEST_GIVEN_UP);
  end(&refused, NEWEST_REFUSED);
  assert_empty();
}

static void keep_one(const char *name, const char *state) {
  struct newest_command command = sent(name, "1", state);
  end(&command, NEWEST_DONE);
}

static void after_a_kept_state_was_refused_none_are_kept_for_a_while(struct context *context) {
  begin_states(context);
  keep_one("a", "2");
  keep_one("b", "2");
  CU_ASSERT_EQUAL(newest_states_kept(states), 2);
  struct newest_command refused = sent("a", "2", "3");
  end(&refused, NEWEST_REFUSED);
  assert_empty();
  int64_t refused_us = clock_monotonic_us(), end_us = patience_end_us();
  while (newest_states_kept(states) == 0 && clock_monotonic_us() < end_us) {
    struct newest_command command = begun();
    struct newest_use *use = newest_use(&command, "b");
    if (!is_known(use)) newest_take(use, state_of("5"));
    newest_end(&command);
    coroutine_sleep(10000, DEADLINE_NEVER);
  }
  CU_ASSERT_EQUAL(newest_states_kept(states), 1);
  CU_ASSERT(clock_monotonic_us() - refused_us >= 900000);
}

static void only_the_latest_and_small_states_are_kept(struct context *context) {
  enum { MAX = 1024, MORE = 10, LARGE = 1025 };
  begin_states(context);
  for (int i = 0; i < MAX + MORE; i++) keep_one(arena_printf(context->arena, "%d", i), "2");
  CU_ASSERT_EQUAL(newest_states_kept(states), MAX);
  struct newest_command reader = begun();
  CU_ASSERT_FALSE(knows(&reader, "9"));
  CU_ASSERT_TRUE(finds(&reader, "10", "2"));
  CU_ASSERT_TRUE(finds(&reader, "1033", "2"));
  newest_end(&reader);
  char large[LARGE + 1];
  memset(large, 'x', LARGE);
  large[LARGE] = '\0';
  keep_one("large", large);
  reader = begun();
  CU_ASSERT_FALSE(knows(&reader, "large"));
  newest_end(&reader);
}

static void nothing_is_a_state_too(struct context *context) {
  begin_states(context);
  struct newest_command first = sent("a", NULL, "1"), second = sent("a", "1", NULL), third = begun();
  CU_ASSERT_TRUE(finds(&third, "a", NULL));
  newest_end(&third);
  end(&first, NEWEST_DONE);
  end(&second, NEWEST_DONE);
  assert_unused();
}

static void what_was_read_does_not_replace_what_was_sent_since(struct context *context) {
  begin_states(context);
  struct newest_command reader = begun();
  struct newest_use *use = newest_use(&reader, "a");
  CU_ASSERT_FALSE(is_known(use));
  struct newest_command other = sent("a", "1", "2");
  newest_take(use, state_of("1"));
  CU_ASSERT_TRUE(finds(&reader, "a", "2"));
  newest_end(&reader);
  end(&other, NEWEST_DONE);
  assert_unused();
}

static void what_was_read_before_something_was_forgotten_is_not_taken(struct context *context) {
  begin_states(context);
  struct newest_command reader = begun();
  struct newest_use *use = newest_use(&reader, "a");
  CU_ASSERT_FALSE(is_known(use));
  struct newest_command other = sent("a", "1", "2");
  newest_answered(&other, NEWEST_GIVEN_UP);
  newest_take(use, state_of("1"));
  CU_ASSERT_FALSE(is_known(use));
  newest_take(use, state_of("7"));
  CU_ASSERT_TRUE(finds(&reader, "a", "7"));
  newest_end(&reader);
  newest_end(&other);
  assert_unused();
}

static void a_refusal_forgets_what_the_command_used_and_no_more(struct context *context) {
  begin_states(context);
  struct newest_command other = sent("b", "1", "2"), refused = sent("a", "1", "2"), after = sent("a", "2", "3");
  newest_answered(&refused, NEWEST_REFUSED);
  struct newest_command reader = newest_command_of(states, patience_end_us());
  struct newest_use *use = newest_use(&reader, "a");
  CU_ASSERT_FALSE(is_known(use));
  CU_ASSERT_TRUE(finds(&reader, "b", "2"));
  newest_take(use, state_of("9"));
  newest_answered(&after, NEWEST_REFUSED); /* as all that built on it; what was read since stays */
  CU_ASSERT_TRUE(finds(&reader, "a", "9"));
  newest_end(&reader);
  newest_end(&after);
  newest_end(&refused);
  end(&other, NEWEST_DONE);
  assert_unused();
}

/* ---- turns ------------------------------------------------------------------------------------------------------ */

enum { WAITERS = 4 };

struct waiter {
  struct newest_command command;
  const char *name; /* what it uses */
  bool begun, may_answer, ended;
};

static struct waiter waiters[WAITERS];
static struct condition turn;

/* Tries (again), and ends well when it is told to. */
static void try_again(void *argument) {
  struct waiter *waiter = argument;
  bool in_time;
  while ((in_time = newest_begin(&waiter->command))) {
    newest_use(&waiter->command, waiter->name);
    if (newest_may_send(&waiter->command)) break;
  }
  if (in_time) {
    waiter->begun = true;
    newest_send(&waiter->command);
    while (!waiter->may_answer) condition_wait(&turn, DEADLINE_NEVER);
    newest_answered(&waiter->command, NEWEST_DONE);
  }
  newest_end(&waiter->command);
  waiter->ended = true;
}

static void start(struct waiter *waiter, const char *name, bool is_refused, int64_t deadline_us) {
  *waiter = (struct waiter){.command = newest_command_of(states, deadline_us), .name = name};
  if (is_refused) {
    CU_ASSERT_TRUE(newest_begin(&waiter->command));
    newest_use(&waiter->command, name);
    newest_send(&waiter->command);
    newest_answered(&waiter->command, NEWEST_REFUSED);
  }
  loop_spawn(coroutine_loop(), try_again, waiter);
}

static void wait_for(const bool *done) {
  int64_t end_us = patience_end_us();
  while (!*done && clock_monotonic_us() < end_us) coroutine_sleep(1000, DEADLINE_NEVER);
  CU_ASSERT_TRUE(*done);
}

static void answer(struct waiter *waiter) {
  waiter->may_answer = true;
  condition_signal_all(&turn);
  wait_for(&waiter->ended);
}

static void of_those_that_were_refused_one_tries_again_until_it_is_through(struct context *context) {
  begin_states(context);
  struct newest_command early = begun(), late = begun();
  newest_send(&early);
  newest_send(&late);
  start(&waiters[0], "a", true, patience_end_us());
  wait_for(&waiters[0].begun);
  newest_answered(&late, NEWEST_REFUSED);
  newest_answered(&early, NEWEST_DONE); /* was sent before, and says nothing of the others */
  start(&waiters[1], "a", false, patience_end_us());
  start(&waiters[2], "a", false, patience_end_us());
  for (int i = 0; i < 10; i++) coroutine_sleep(1000, DEADLINE_NEVER);
  CU_ASSERT_FALSE(waiters[1].begun);
  answer(&waiters[0]);
  wait_for(&waiters[1].begun); /* both, before either is answered */
  wait_for(&waiters[2].begun);
  answer(&waiters[2]);
  answer(&waiters[1]);
  newest_end(&early);
  newest_end(&late);
  assert_unused();
}

static void who_uses_other_things_does_not_wait_behind_those_that_were_refused(struct context *context) {
  begin_states(context);
  start(&waiters[0], "a", true, patience_end_us());
  wait_for(&waiters[0].begun);
  start(&waiters[1], "a", false, patience_end_us());
  start(&waiters[2], "b", false, patience_end_us());
  wait_for(&waiters[2].begun);
  CU_ASSERT_FALSE(waiters[1].begun);
  answer(&waiters[2]);
  CU_ASSERT_FALSE(waiters[1].begun);
  answer(&waiters[0]);
  wait_for(&waiters[1].begun);
  answer(&waiters[1]);
  assert_unused();
}

static void who_waits_beyond_his_deadline_holds_nobody_up(struct context *context) {
  begin_states(context);
  start(&waiters[0], "a", true, patience_end_us());
  wait_for(&waiters[0].begun);
  start(&waiters[1], "a", false, clock_monotonic_us() + 1000);
  start(&waiters[2], "a", false, patience_end_us());
  wait_for(&waiters[1].ended);
  CU_ASSERT_FALSE(waiters[1].begun);
  CU_ASSERT_FALSE(waiters[2].begun);
  answer(&waiters[0]);
  wait_for(&waiters[2].begun);
  answer(&waiters[2]);
  assert_unused();
}

/* Begins commands until one has to wait. */
static bool comes_to_a_pause(void) {
  for (int64_t end_us = patience_end_us(); clock_monotonic_us() < end_us;) {
    struct newest_command command = newest_command_of(states, clock_monotonic_us() + 1000);
    bool waits = !newest_begin(&command) && clock_monotonic_us() >= command.deadline_us;
    newest_end(&command);
    if (waits) return true;
    coroutine_sleep(1000, DEADLINE_NEVER);
  }
  return false;
}

static void after_a_while_without_a_break_all_is_answered_and_read_anew(struct context *context) {
  begin_states(context);
  struct newest_command first = sent("a", "1", "2"), user = begun();
  CU_ASSERT_TRUE(finds(&user, "a", "2"));
  CU_ASSERT_TRUE(comes_to_a_pause());
  start(&waiters[0], "a", false, patience_end_us());
  for (int i = 0; i < 10; i++) coroutine_sleep(1000, DEADLINE_NEVER);
  CU_ASSERT_FALSE(waiters[0].begun);
  newest_answered(&first, NEWEST_DONE);
  wait_for(&waiters[0].begun);
  CU_ASSERT_FALSE(knows(&user, "a"));
  answer(&waiters[0]);
  newest_end(&first);
  newest_end(&user);
  assert_unused();
}

#define TEST(function)                                  \
  static void run_##function(struct context *context) { \
    function(context);                                  \
    newest_states_stop(states);                         \
  }                                                     \
  static void test_##function(void) {                   \
    in_coroutine(run_##function);                       \
  }
TEST(what_was_sent_last_is_found)
TEST(a_state_is_kept_while_nobody_uses_it)
TEST(what_may_not_be_stored_is_not_kept)
TEST(after_a_kept_state_was_refused_none_are_kept_for_a_while)
TEST(only_the_latest_and_small_states_are_kept)
TEST(nothing_is_a_state_too)
TEST(what_was_read_does_not_replace_what_was_sent_since)
TEST(what_was_read_before_something_was_forgotten_is_not_taken)
TEST(a_refusal_forgets_what_the_command_used_and_no_more)
TEST(of_those_that_were_refused_one_tries_again_until_it_is_through)
TEST(who_uses_other_things_does_not_wait_behind_those_that_were_refused)
TEST(who_waits_beyond_his_deadline_holds_nobody_up)
TEST(after_a_while_without_a_break_all_is_answered_and_read_anew)

static const struct test tests[] = {
    {"what was sent last is found", test_what_was_sent_last_is_found},
    {"a state is kept while nobody uses it", test_a_state_is_kept_while_nobody_uses_it},
    {"what may not be stored is not kept", test_what_may_not_be_stored_is_not_kept},
    {"after a kept state was refused none are kept for a while",
     test_after_a_kept_state_was_refused_none_are_kept_for_a_while},
    {"only the latest and small states are kept", test_only_the_latest_and_small_states_are_kept},
    {"nothing is a state, too", test_nothing_is_a_state_too},
    {"what was read does not replace what was sent since", test_what_was_read_does_not_replace_what_was_sent_since},
    {"what was read before something was forgotten is not taken",
     test_what_was_read_before_something_was_forgotten_is_not_taken},
    {"a refusal forgets what the command used, and no more", test_a_refusal_forgets_what_the_command_used_and_no_more},
    {"of those that were refused one tries again until it is through, then all go on",
     test_of_those_that_were_refused_one_tries_again_until_it_is_through},
    {"who uses other things does not wait behind those that were refused",
     test_who_uses_other_things_does_not_wait_behind_those_that_were_refused},
    {"who waits beyond his deadline holds nobody up", test_who_waits_beyond_his_deadline_holds_nobody_up},
    {"after a while without a break all is answered, and read anew",
     test_after_a_while_without_a_break_all_is_answered_and_read_anew},
};

int main(int argc, char **argv) {
  return suite_main("newest states", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
