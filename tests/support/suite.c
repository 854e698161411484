/* SPDX-License-Identifier: Apache-2.0 */
#include "suite.h"

#include <CUnit/Basic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_chosen(const char *name, int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], name) == 0) return true;
  }
  return argc <= 1;
}

int suite_main(const char *name, const struct test *tests, size_t count, int (*set_up)(void), int (*tear_down)(void),
               int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (CU_initialize_registry() != CUE_SUCCESS) return 2;
  CU_pSuite suite = CU_add_suite(name, set_up, tear_down);
  for (size_t i = 0; suite && i < count; i++) {
    if (is_chosen(tests[i].name, argc, argv)) CU_add_test(suite, tests[i].name, tests[i].run);
  }
  CU_basic_set_mode(CU_BRM_VERBOSE);
  CU_basic_run_tests();
  unsigned failed = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
  unsigned ran = CU_get_number_of_tests_run();
  CU_cleanup_registry();
  return failed == 0 && ran > 0 ? 0 : 1;
}
