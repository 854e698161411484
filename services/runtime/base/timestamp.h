/* SPDX-License-Identifier: Apache-2.0 */
/* Timestamps: protobuf's Timestamp. Any thread. */
#pragma once

#include <google/protobuf/timestamp.pb-c.h>
#include <stdint.h>

#include "base/arena.h"

/* Convert between Unix microseconds and protobuf's Timestamp. NULL counts as 0, a time beyond int64 as the end of its
 * range. */
Google__Protobuf__Timestamp *timestamp_new(struct arena *arena, int64_t unix_us);
int64_t timestamp_unix_us(const Google__Protobuf__Timestamp *timestamp);
