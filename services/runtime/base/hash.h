/* SPDX-License-Identifier: Apache-2.0 */
/* Hash of a text, for tables in memory. */
#pragma once

#include <stdint.h>

/* Returns the FNV-1a hash, 64 bits (draft-eastlake-fnv). It is the same in every process. It is not for texts that an
 * attacker may choose so that they collide, where a slow table would hurt. */
static inline uint64_t hash_text(const char *text) {
  uint64_t hash = UINT64_C(14695981039346656037);
  for (const unsigned char *c = (const unsigned char *)text; *c; c++) hash = (hash ^ *c) * UINT64_C(1099511628211);
  return hash;
}
