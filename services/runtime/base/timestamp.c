/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timestamp.h"

enum { US_PER_SECOND = 1000000, NS_PER_US = 1000 };

Google__Protobuf__Timestamp *timestamp_new(struct arena *arena, int64_t unix_us) {
  Google__Protobuf__Timestamp *timestamp = arena_alloc(arena, sizeof(*timestamp));
  google__protobuf__timestamp__init(timestamp);
  int64_t seconds = unix_us / US_PER_SECOND;
  int64_t rest = unix_us % US_PER_SECOND;
  /* Nanos count forward even before 1970. */
  if (rest < 0) {
    seconds--;
    rest += US_PER_SECOND;
  }
  timestamp->seconds = seconds;
  timestamp->nanos = (int32_t)(rest * NS_PER_US);
  return timestamp;
}

int64_t timestamp_unix_us(const Google__Protobuf__Timestamp *timestamp) {
  if (!timestamp) return 0;
  int64_t us;
  if (__builtin_mul_overflow(timestamp->seconds, (int64_t)US_PER_SECOND, &us) ||
      __builtin_add_overflow(us, timestamp->nanos / NS_PER_US, &us)) {
    return timestamp->seconds < 0 ? INT64_MIN : INT64_MAX;
  }
  return us;
}
