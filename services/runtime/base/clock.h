/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks. Any thread. */
#pragma once

#include <stdint.h>

/* Returns microseconds of CLOCK_MONOTONIC; for deadlines and intervals. */
int64_t clock_monotonic_us(void);

/* Returns microseconds since the Unix epoch; for times that people see. */
int64_t clock_wall_us(void);

/* Writes Unix microseconds of the years 0 to 9999 as 2026-01-31T12:00:00.123456Z. It is async-signal-safe, unlike
 * gmtime_r, which takes a lock. */
#define CLOCK_TEXT_SIZE sizeof("2026-01-31T12:00:00.123456Z")
void clock_text(int64_t unix_us, char text[CLOCK_TEXT_SIZE]);
