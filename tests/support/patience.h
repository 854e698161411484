/* SPDX-License-Identifier: Apache-2.0 */
/* Patience: how long tests wait for what must happen. No test judges speed, so it is far longer than anything takes on
 * a machine that is busy with other things, and only ends a wait that would go on for ever. */
#pragma once

#include <stdint.h>

/* 40 s, times ORDERSHOP_TEST_SLOWNESS (3 for a sanitized build). */
int64_t patience_us(void);

/* The moment, by clock_monotonic_us, when a wait that begins now has taken too long. */
int64_t patience_end_us(void);

/* How late "at once" may be: a quarter of patience. What a test compares it with (a deadline, a timeout, another's
 * pause) must be longer than patience, so that a machine that is busy isn't taken for a wait. */
int64_t at_once_us(void);
