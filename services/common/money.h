/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts of money as people write them; the API has them in euro cents. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/* "EUR 12.34" from 1234. */
const char *money_text(struct arena *arena, int64_t cents);

/* 1234 from "12.34", 1230 from "12.3", 1200 from "12". Returns false if it is something else, or more than int64 holds.
 */
bool money_parse(const char *text, int64_t *ret_cents);
