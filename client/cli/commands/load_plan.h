/* SPDX-License-Identifier: Apache-2.0 */
/* What `ordershop load` is asked to do, from its flags. */
#pragma once

#include "client/cli/line/session.h"
#include "client/load/load.h"

#define LOAD_STEPS_MAX 50

struct load_plan {
  struct load_mix mix;
  const char *name;  /* of the mode; "mix" without one */
  const char *title; /* the mix as it was given, or the mode */
  struct load_options options;
  /* The rates of a sweep, each a run of its own. Without one: none, and the options have rate or calls in flight. */
  int rates[LOAD_STEPS_MAX];
  size_t rate_count;
  const char *plot_file; /* NULL if there is none */
  const char *folder;    /* for the fsync probe; NULL if there is none */
  const char *shop_file; /* ids of what was prepared; NULL if there is none */
  struct cpu_watch watch;
  bool mails; /* follow orders to their mails */
  bool json;
};

/* Reads the plan. Errors: INVALID_ARGUMENT (USAGE) with one sentence that names the flag. */
struct status load_plan_read(const struct session *session, struct load_plan *ret_plan);

extern const char *const load_mode_names[]; /* ends with NULL */
