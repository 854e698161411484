/* SPDX-License-Identifier: Apache-2.0 */
/* Decides whether and when a failed call is tried again. It has no state and reads no clock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct retry_policy {
  int attempts;             /* tries at most */
  int64_t first_backoff_ms; /* doubled for each further try, up to RETRY_BACKOFF_MAX_MS */
};

#define RETRY_BACKOFF_MAX_MS 5000

/* Returns the milliseconds to wait after try number `tries` (1, 2 ...) ended with `status`, or -1 if this is the call's
 * result. `conditional` says that the caller named a version, so that ABORTED is for the caller to decide. `jitter`, a
 * random number, spreads the backoff over its upper half; the delay that a RetryInfo asks for is the minimum. */
int64_t retry_delay_ms(const struct retry_policy *policy, struct status status, bool conditional, int tries,
                       uint32_t jitter);
