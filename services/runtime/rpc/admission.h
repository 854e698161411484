/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: which calls of a method are worked on, which wait for their turn, and which are refused at once.
 *
 * A server that works on every call that arrives answers none in time once more arrive than it can bear: all wait for
 * each other until their deadlines are over, and what was done for them is lost. So only a few calls are worked on at
 * once, as many as keep what is behind them busy (Redis, other services, the processor): so many that each takes about
 * 150 ms, where one alone takes less. The others wait in the order of arrival. How long a call will wait is known when
 * it arrives: the calls before it have to end, which they do at a rate that is measured. A call that would wait for
 * more than a quarter of the time that its deadline leaves, or in a line of more than 2 s, is refused instead.
 *
 * Each method has an admission of its own: what one waits for holds up no other, and calls of one kind take about the
 * same time. Admission knows neither clock nor gRPC: times are monotonic microseconds that the caller brings. One
 * thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A call's part in admission; embed it. */
struct admission_entry {
  int64_t deadline_us;
  int64_t since_us;                     /* when it began to be worked on, or went on after a rest */
  int64_t worked_us;                    /* before that */
  struct admission_entry *next, **link; /* in the line; `link` NULL means not in it */
};

struct admission {
  bool begun_elsewhere; /* its calls are part of work that others have begun: they come before what is new */
  size_t limit;         /* calls to be worked on at once */
  size_t working;
  size_t waiting;
  struct admission_entry *first, **last; /* the line */
  int64_t service_us;                    /* how long a call is worked on, smoothed; 0 if not known yet */
  int64_t interval_us;                   /* between the ends of two calls while others wait; 0 if not known yet */
  int64_t alone_us;                      /* how long at least: alone, or when it was quickest; 0 if not known yet */
  int64_t moved_us;                      /* when a call last ended, or the first of those that are worked on began */
  /* Since the limit was last looked at. */
  int64_t looked_us;
  int64_t sum_us; /* how long the calls took that have ended, and how many these are */
  size_t count;
  size_t working_max;
  bool full_before; /* when it was looked at, there was no room already */
  bool full;        /* there was no room for a call */
};

void admission_init(struct admission *admission, bool begun_elsewhere);

enum admission_verdict {
  ADMISSION_WORK,   /* is being worked on: admission_end is due */
  ADMISSION_WAIT,   /* is in the line: admission_next gives it out, unless admission_leave takes it away */
  ADMISSION_REFUSE, /* nothing of it is kept */
};

/* Decides on a call that has arrived. */
enum admission_verdict admission_arrive(struct admission *admission, struct admission_entry *entry, int64_t deadline_us,
                                        int64_t now_us);

/* Returns the next call from the line, if there is room for one: to be worked on (*ret_work is true) or, since it can't
 * be answered in time any more, to be refused. Returns NULL if there is none. */
struct admission_entry *admission_next(struct admission *admission, int64_t now_us, bool *ret_work);

/* Takes a call out of the line, because its caller has gone. */
void admission_leave(struct admission *admission, struct admission_entry *entry);

/* A call that was worked on has ended. */
void admission_end(struct admission *admission, struct admission_entry *entry, int64_t now_us);

/* A call that is worked on waits for something that no work of its own will bring: others may take its place until it
 * goes on, which it may at any time. */
void admission_rest(struct admission *admission, struct admission_entry *entry, int64_t now_us);
void admission_resume(struct admission *admission, struct admission_entry *entry, int64_t now_us);
