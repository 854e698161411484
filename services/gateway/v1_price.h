/* SPDX-License-Identifier: Apache-2.0 */
/* Prices of the v1 dialect: decimal euros in JSON, cents in the shop; exactly, without floating point. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/* Reads a number as JSON writes it ("12.5", "1e2"). Returns false if it is none, has a fraction of a cent, or more
 * euros than the shop has prices for. */
bool v1_price_read(const char *text, int64_t *ret_cents);

/* Returns "12" for whole euros, else "12.50" without the last 0: "12.5". */
const char *v1_price_text(struct arena *arena, int64_t cents);

/* Returns the body with each number that follows the name "price" in quotes, so that it arrives as it was sent: a JSON
 * parser would make a double of it. What is no JSON stays none. */
const char *v1_price_quote(struct arena *arena, const char *body, size_t size, size_t *ret_size);
