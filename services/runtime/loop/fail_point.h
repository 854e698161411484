/* SPDX-License-Identifier: Apache-2.0 */
/* Fail points: named places where a test build can pause or kill the process.
 *
 * A test build (compiled with FAIL_POINTS) looks into the folder FAIL_POINT_DIR whenever a place is passed:
 * a file `<name>` there says what happens, once; the place first renames it to `<name>.hit`, which tells the test.
 *   kill    the process ends at once, as by kill -9
 *   pause   the coroutine waits until `<name>.hit` is gone; the rest of the process goes on
 *   error   fail_point returns true and the caller behaves as if its last answer had been lost
 * FAIL_POINT_DIR is read once, at the first place. In any other build it does nothing. It is for coroutines only. */
#pragma once

#include <stdbool.h>

#include "loop/coroutine.h"

#ifdef FAIL_POINTS
coroutine_fn bool fail_point(const char *name);
#else
static inline bool fail_point(const char *name) {
  (void)name;
  return false;
}
#endif
