/* Clocks. Any thread. */
#pragma once

#include <google/protobuf/timestamp.pb-c.h>
#include <stdint.h>

#include "base/arena.h"

/* Microseconds of CLOCK_MONOTONIC; for deadlines and intervals. */
int64_t clock_monotonic_us(void);

/* Microseconds since the Unix epoch; for times that people see. */
int64_t clock_wall_us(void);

/* Between Unix microseconds and protobuf's Timestamp. NULL counts as 0; what is beyond int64 as its end. */
Google__Protobuf__Timestamp *timestamp_new(struct arena *arena, int64_t unix_us);
int64_t timestamp_unix_us(const Google__Protobuf__Timestamp *timestamp);
