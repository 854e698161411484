/* SPDX-License-Identifier: Apache-2.0 */
/* Tells what came of `ordershop load`: for people, as JSON, and as a picture. */
#pragma once

#include <stdio.h>

#include "client/cli/commands/load_plan.h"

/* One run. */
struct load_step {
  int rate; /* 0: calls in flight */
  struct load_tally tally;
  double cpu_us;                      /* of the load generator itself, a call */
  struct histogram mails;             /* from an order's acknowledgement to its mails' recording */
  struct histogram mails_by_log_time; /* the same from the order's event to that of the last mail, by their log times;
                                         empty if they are in two logs */
  uint64_t orders_without_mails;
  struct cpu_watch watch; /* empty if nothing is watched */
};

struct load_report {
  const struct load_plan *plan;
  struct load_step *steps;
  size_t step_count;
  struct histogram disk; /* of fsync; empty if it was not measured */
};

/* Prints the whole report on standard output. */
void load_report_print(const struct load_report *report);

/* Draws latency over offered load. */
void load_report_plot(const struct load_report *report, FILE *to);
