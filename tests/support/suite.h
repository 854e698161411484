/* SPDX-License-Identifier: Apache-2.0 */
/* A CUnit suite as a literal: names are sentences that say the behaviour. `suite_main` runs it (or, with names as
 * arguments, those tests only), prints CUnit's report and returns the exit status. */
#pragma once

#include <CUnit/CUnit.h>
#include <stddef.h>

struct test {
  const char *name;
  void (*run)(void);
};

/* `set_up` and `tear_down` run once around the whole suite and may be NULL; they return 0 when all is well. */
int suite_main(const char *name, const struct test *tests, size_t count, int (*set_up)(void), int (*tear_down)(void),
               int argc, char **argv);

#define SUITE_SIZE(tests) (sizeof(tests) / sizeof((tests)[0]))
