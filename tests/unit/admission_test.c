/* SPDX-License-Identifier: Apache-2.0 */
/* Admission, against simulated servers and callers in simulated time: what a thousand callers do in a minute takes a
 * moment here, and is the same each time. */
#include "rpc/admission.h"

#include <stdlib.h>

#include "suite.h"

enum { SECOND_US = 1000 * 1000, CALLS_MAX = 400 * 1000 };

/* Something that does one thing after the other, as Redis does, and takes `each_us` for it. */
struct resource {
  int64_t each_us;
  int64_t free_us;  /* when it has done all that it was given */
  int64_t batch_us; /* answers come together, so often, as those of a Redis that syncs its log do; 0 means one by one */
};

struct call {
  struct admission_entry entry; /* first */
  int64_t done_us;
};

/* Calls of one method that come at a rate, and what becomes of them. */
struct traffic {
  struct admission admission;
  struct resource *resource;
  int64_t latency_us; /* that a call takes besides, whatever others do */
  int64_t rate, deadline_us;
  int64_t next_us; /* arrival */
  struct call *calls;
  size_t arrived;
  struct call **working; /* in the order in which they will be done */
  size_t first, last;
  size_t ok, late, refused;
};

static struct traffic *traffic_new(struct resource *resource, int64_t rate, bool begun_elsewhere) {
  struct traffic *traffic = calloc(1, sizeof(*traffic));
  admission_init(&traffic->admission, begun_elsewhere);
  traffic->resource = resource;
  traffic->rate = rate;
  traffic->deadline_us = SECOND_US;
  traffic->calls = calloc(CALLS_MAX, sizeof(*traffic->calls));
  traffic->working = calloc(CALLS_MAX, sizeof(struct call *));
  return traffic;
}

static void traffic_free(struct traffic *traffic) {
  free(traffic->calls);
  free(traffic->working);
  free(traffic);
}

static void work_on(struct traffic *traffic, struct call *call, int64_t now_us) {
  struct resource *resource = traffic->resource;
  if (resource->free_us < now_us) resource->free_us = now_us;
  resource->free_us += resource->each_us;
  int64_t batch_us = resource->batch_us > 0 ? resource->batch_us : 1;
  call->done_us = (resource->free_us + batch_us - 1) / batch_us * batch_us + traffic->latency_us;
  traffic->working[traffic->last++] = call;
}

static void give_out(struct traffic *traffic, int64_t now_us) {
  bool work;
  struct admission_entry *entry;
  while ((entry = admission_next(&traffic->admission, now_us, &work))) {
    if (work) work_on(traffic, (struct call *)entry, now_us);
    if (!work) traffic->refused++;
  }
}

static void arrive(struct traffic *traffic) {
  int64_t now_us = traffic->next_us;
  traffic->next_us += SECOND_US / traffic->rate;
  CU_ASSERT_FATAL(traffic->arrived < CALLS_MAX);
  struct call *call = &traffic->calls[traffic->arrived++];
  switch (admission_arrive(&traffic->admission, &call->entry, now_us + traffic->deadline_us, now_us)) {
    case ADMISSION_WORK:
      work_on(traffic, call, now_us);
      return;
    case ADMISSION_REFUSE:
      traffic->refused++;
      return;
    case ADMISSION_WAIT:
      return;
  }
}

static int64_t next_done_us(const struct traffic *traffic) {
  return traffic->first < traffic->last ? traffic->working[traffic->first]->done_us : INT64_MAX;
}

static void end(struct traffic *traffic) {
  struct call *call = traffic->working[traffic->first++];
  if (call->done_us <= call->entry.deadline_us) traffic->ok++;
  if (call->done_us > call->entry.deadline_us) traffic->late++;
  admission_end(&traffic->admission, &call->entry, call->done_us);
  give_out(traffic, call->done_us);
}

/* What happens next of all that these have ahead of them. */
static int64_t next_us(const struct traffic *traffic) {
  int64_t done_us = next_done_us(traffic);
  return done_us < traffic->next_us ? done_us : traffic->next_us;
}

static void run(struct traffic **traffics, size_t count, int64_t until_us) {
  while (true) {
    struct traffic *next = traffics[0];
    for (size_t i = 1; i < count; i++) {
      if (next_us(traffics[i]) < next_us(next)) next = traffics[i];
    }
    if (next_us(next) >= until_us) return;
    if (next_done_us(next) <= next->next_us) {
      end(next);
    } else {
      arrive(next);
    }
  }
}

/* Counts anew from now on. */
static void forget(struct traffic *traffic) {
  traffic->ok = traffic->late = traffic->refused = 0;
}

/* ---- floods ----------------------------------------------------------------------------------------------------- */

/* `percent` of what the resource can do, once the first seconds are over. */
static void flood(int64_t capacity, int64_t percent, int64_t batch_us) {
  struct resource resource = {.each_us = SECOND_US / capacity, .batch_us = batch_us};
  struct traffic *traffic = traffic_new(&resource, capacity * percent / 100, false);
  run(&traffic, 1, 5 * SECOND_US);
  forget(traffic);
  run(&traffic, 1, 25 * SECOND_US);
  size_t possible = (size_t)(20 * (percent < 100 ? capacity * percent / 100 : capacity));
  bool good = traffic->ok >= possible * 9 / 10 && traffic->late <= traffic->ok / 100;
  if (percent < 100) good = good && traffic->refused == 0;
  CU_ASSERT(good);
  if (!good) {
    printf("\n    %ld/s at %ld %%: of %zu possible %zu in time, %zu late, %zu refused; limit %zu\n", (long)capacity,
           (long)percent, possible, traffic->ok, traffic->late, traffic->refused, traffic->admission.limit);
  }
  traffic_free(traffic);
}

static void answers_in_time_what_is_possible(void) {
  static const int64_t capacities[] = {10, 50, 200, 1000, 3000}, percents[] = {10, 90, 120, 200, 500};
  for (size_t i = 0; i < SUITE_SIZE(capacities); i++) {
    for (size_t j = 0; j < SUITE_SIZE(percents); j++) flood(capacities[i], percents[j], 0);
  }
}

static void answers_in_time_what_is_possible_in_batches(void) {
  flood(1000, 90, 20 * 1000);
  flood(1000, 200, 20 * 1000);
  flood(1000, 500, 20 * 1000);
}

static void bears_the_first_second_of_a_flood(void) {
  struct resource resource = {.each_us = 1000};
  struct traffic *traffic = traffic_new(&resource, 5000, false);
  run(&traffic, 1, SECOND_US);
  CU_ASSERT(traffic->ok >= 800);
  CU_ASSERT(traffic->late <= traffic->ok / 100);
  traffic_free(traffic);
}

static void keeps_few_calls(void) {
  struct resource resource = {.each_us = 1000};
  struct traffic *traffic = traffic_new(&resource, 5000, false);
  run(&traffic, 1, 10 * SECOND_US);
  CU_ASSERT(traffic->admission.working <= 200);
  CU_ASSERT(traffic->admission.waiting <= 300);
  traffic_free(traffic);
}

static void waits_in_line_without_a_deadline_for_2_seconds_at_max(void) {
  struct resource resource = {.each_us = 1000};
  struct traffic *traffic = traffic_new(&resource, 2000, false);
  traffic->deadline_us = 60 * SECOND_US;
  run(&traffic, 1, 10 * SECOND_US);
  CU_ASSERT(traffic->admission.waiting > 500 && traffic->admission.waiting <= 2500);
  CU_ASSERT_EQUAL(traffic->late, 0);
  traffic_free(traffic);
}

/* ---- what is not overload --------------------------------------------------------------------------------------- */

static void takes_in_what_comes_at_once(void) {
  struct resource resource = {.each_us = 1000};
  struct traffic *traffic = traffic_new(&resource, 1, false);
  for (int i = 0; i < 400; i++) {
    traffic->next_us = 0;
    arrive(traffic);
  }
  run(&traffic, 1, SECOND_US);
  CU_ASSERT_EQUAL(traffic->ok, 400);
  traffic_free(traffic);
}

static void does_not_take_a_long_way_for_overload(void) {
  struct resource resource = {.each_us = 100};
  struct traffic *traffic = traffic_new(&resource, 500, false);
  traffic->latency_us = 300 * 1000; /* 150 calls are under way at once */
  run(&traffic, 1, 30 * SECOND_US);
  forget(traffic);
  run(&traffic, 1, 40 * SECOND_US);
  CU_ASSERT(traffic->ok >= 4990);
  CU_ASSERT_EQUAL(traffic->refused, 0);
  traffic_free(traffic);
}

/* 500 calls wait until the pause is over, and all of them can. */
static void does_not_take_a_pause_for_overload(void) {
  struct resource resource = {.each_us = 1000};
  struct traffic *traffic = traffic_new(&resource, 500, false);
  traffic->deadline_us = 10 * SECOND_US;
  run(&traffic, 1, 5 * SECOND_US);
  resource.free_us = 6 * SECOND_US;
  run(&traffic, 1, 20 * SECOND_US);
  CU_ASSERT_EQUAL(traffic->refused, 0);
  CU_ASSERT_EQUAL(traffic->late, 0);
  traffic_free(traffic);
}

/* ---- overload and its end --------------------------------------------------------------------------------------- */

static void refuses_at_once_while_nothing_ends(void) {
  struct resource resource = {.each_us = 1000};
  struct traffic *traffic = traffic_new(&resource, 500, false);
  run(&traffic, 1, 5 * SECOND_US);
  resource.free_us = 15 * SECOND_US;
  run(&traffic, 1, 7 * SECOND_US);
  CU_ASSERT(traffic->admission.waiting < 500);
  size_t before = traffic->refused;
  run(&traffic, 1, 15 * SECOND_US);
  CU_ASSERT(traffic->refused - before >= 3900); /* of the 4,000 that came */
  traffic_free(traffic);
}

static void is_back_a_second_after_the_overload(void) {
  struct resource resource = {.each_us = 1000};
  struct traffic *traffic = traffic_new(&resource, 500, false);
  run(&traffic, 1, 5 * SECOND_US);
  resource.free_us = 15 * SECOND_US;
  run(&traffic, 1, 16 * SECOND_US);
  forget(traffic);
  run(&traffic, 1, 26 * SECOND_US);
  CU_ASSERT(traffic->ok >= 4950);
  CU_ASSERT(traffic->late == 0);
  traffic_free(traffic);
}

static void follows_what_slows_down(void) {
  struct resource resource = {.each_us = 1000};
  struct traffic *traffic = traffic_new(&resource, 2000, false);
  run(&traffic, 1, 10 * SECOND_US);
  resource.each_us = 20 * 1000;
  run(&traffic, 1, 20 * SECOND_US);
  forget(traffic);
  run(&traffic, 1, 40 * SECOND_US);
  CU_ASSERT(traffic->ok >= 900);
  CU_ASSERT(traffic->late <= 10);
  traffic_free(traffic);
}

/* ---- who comes first -------------------------------------------------------------------------------------------- */

static void work_begun_elsewhere_comes_before_new_work(void) {
  struct resource resource = {.each_us = 1000};
  struct traffic *both[] = {traffic_new(&resource, 5000, false), traffic_new(&resource, 500, true)};
  run(both, 2, 5 * SECOND_US);
  forget(both[0]);
  forget(both[1]);
  run(both, 2, 25 * SECOND_US);
  CU_ASSERT(both[1]->ok >= 9900);
  CU_ASSERT_EQUAL(both[1]->refused, 0);
  CU_ASSERT(both[0]->ok >= 8000);
  traffic_free(both[0]);
  traffic_free(both[1]);
}

/* An admission with room for nobody, and a line of three. */
static void make_line(struct admission *admission, struct admission_entry *working, struct admission_entry line[3]) {
  admission_init(admission, false);
  admission->limit = 1;
  CU_ASSERT_EQUAL(admission_arrive(admission, working, SECOND_US, 0), ADMISSION_WORK);
  for (int i = 0; i < 3; i++) {
    CU_ASSERT_EQUAL(admission_arrive(admission, &line[i], SECOND_US, 0), ADMISSION_WAIT);
  }
}

static void gives_out_in_the_order_of_arrival(void) {
  struct admission admission;
  struct admission_entry working, line[3];
  bool work;
  make_line(&admission, &working, line);
  CU_ASSERT_PTR_NULL(admission_next(&admission, 10, &work));
  admission_leave(&admission, &line[1]);
  admission_end(&admission, &working, 10);
  CU_ASSERT_PTR_EQUAL(admission_next(&admission, 10, &work), &line[0]);
  CU_ASSERT(work);
  CU_ASSERT_PTR_NULL(admission_next(&admission, 10, &work));
  admission_end(&admission, &line[0], 20);
  CU_ASSERT_PTR_EQUAL(admission_next(&admission, 20, &work), &line[2]);
  CU_ASSERT_EQUAL(admission.waiting, 0);
}

static void drops_what_cannot_be_answered_in_time(void) {
  struct admission admission;
  struct admission_entry working, line[3];
  bool work = true;
  make_line(&admission, &working, line);
  admission_end(&admission, &working, SECOND_US);
  for (int i = 0; i < 3; i++) {
    CU_ASSERT_PTR_EQUAL(admission_next(&admission, SECOND_US, &work), &line[i]);
    CU_ASSERT_FALSE(work);
  }
  CU_ASSERT_EQUAL(admission.working, 0);
}

/* Both are worked on for 100 ms; what waits is given out when the first of them has ended. */
static bool is_begun_with(int64_t left_us) {
  struct admission admission;
  struct admission_entry both[2], waiting;
  bool work = false;
  admission_init(&admission, false);
  admission.limit = 2;
  for (int i = 0; i < 2; i++) admission_arrive(&admission, &both[i], 10 * SECOND_US, 0);
  CU_ASSERT_EQUAL(admission_arrive(&admission, &waiting, SECOND_US / 10 + left_us, 0), ADMISSION_WAIT);
  admission_end(&admission, &both[0], SECOND_US / 10);
  CU_ASSERT_PTR_EQUAL(admission_next(&admission, SECOND_US / 10, &work), &waiting);
  return work;
}

static void drops_what_has_less_than_twice_the_usual_time(void) {
  CU_ASSERT_FALSE(is_begun_with(SECOND_US / 10 * 3 / 2));
  CU_ASSERT_TRUE(is_begun_with(SECOND_US / 10 * 5 / 2));
}

static void a_call_that_rests_makes_room(void) {
  struct admission admission;
  struct admission_entry working, line[3];
  bool work;
  make_line(&admission, &working, line);
  admission_rest(&admission, &working, 10);
  CU_ASSERT_PTR_EQUAL(admission_next(&admission, 20, &work), &line[0]);
  admission_resume(&admission, &working, 10 * SECOND_US);
  CU_ASSERT_PTR_NULL(admission_next(&admission, 10 * SECOND_US, &work));
  admission_end(&admission, &working, 10 * SECOND_US + 30);
  CU_ASSERT_EQUAL(admission.service_us, 40); /* its rest is not work */
}

static const struct test tests[] = {
    {"at up to five times what is possible, that is answered in time, and less than that is all answered",
     answers_in_time_what_is_possible},
    {"so it is when answers come in batches", answers_in_time_what_is_possible_in_batches},
    {"so it is in the first second, too", bears_the_first_second_of_a_flood},
    {"in a flood few calls are worked on, and few wait", keeps_few_calls},
    {"calls with long deadlines wait for two seconds, not longer",
     waits_in_line_without_a_deadline_for_2_seconds_at_max},
    {"many calls at once are no overload", takes_in_what_comes_at_once},
    {"calls that take long by nature are no overload", does_not_take_a_long_way_for_overload},
    {"a pause that deadlines leave time for is no overload", does_not_take_a_pause_for_overload},
    {"while nothing ends, what arrives is refused", refuses_at_once_while_nothing_ends},
    {"a second after that, all is as before", is_back_a_second_after_the_overload},
    {"when it becomes slower, less is worked on at once", follows_what_slows_down},
    {"work that has begun elsewhere comes before new work", work_begun_elsewhere_comes_before_new_work},
    {"calls wait in the order of arrival, and can leave", gives_out_in_the_order_of_arrival},
    {"what can't be answered in time is dropped from the line", drops_what_cannot_be_answered_in_time},
    {"so is what has less than twice the time that calls take: it could not give a peer half of its time",
     drops_what_has_less_than_twice_the_usual_time},
    {"a call that rests makes room for another", a_call_that_rests_makes_room},
};

int main(int argc, char **argv) {
  return suite_main("admission", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
