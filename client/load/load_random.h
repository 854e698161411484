/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers and UUIDs that cost next to nothing (xorshift128+), seeded by the system: no two runs make the same.
 */
#pragma once

#include <stdint.h>

struct load_random {
  uint64_t state[2];
};

struct load_random load_random_new(void);
uint64_t load_random_next(struct load_random *random);

/* Writes 36 characters, without a NUL. */
void load_random_uuid(struct load_random *random, char *to);
