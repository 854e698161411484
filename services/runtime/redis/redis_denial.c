/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_denial.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "redis/redis_private.h"

/* This is longer than it takes those that try again to do so: a consumer 2 s, the check of rights 1 s. */
enum { DENIAL_COUNTS_US = 4 * 1000 * 1000 };

static const char advice[] =
    "ACL LOG tells command and key; name a stream that is to be read in the service's row of "
    "services.txt, or by make_users.sh --reads; make the users again, then ACL LOAD";

const char *redis_denial(const struct redis *redis) {
  bool counts = redis->denied_us && clock_monotonic_us() - redis->denied_us < DENIAL_COUNTS_US;
  return counts ? redis->denial : "";
}

void redis_denial_note(struct redis *redis, const char *what, const char *error) {
  const char *user = redis->connection.url.user ? redis->connection.url.user : "default";
  bool goes_on = *redis_denial(redis) != '\0';
  snprintf(redis->denial, sizeof redis->denial, "Redis user '%s' has no right to %s: %s", user, what, advice);
  redis->denied_us = clock_monotonic_us();
  if (goes_on) return;
  log_event(LOG_ERROR, "redis refuses a right", "user", user, "to", what, "error", error, "do", advice, NULL);
}
