/* SPDX-License-Identifier: Apache-2.0 */
/* Hash of a text, for tables in memory. They are the same in every process. They are not for texts that an attacker may
 * choose so that they collide, where a slow table would hurt. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The FNV-1a hash, 64 bits (draft-eastlake-fnv), of a text that comes in pieces: begin with HASH_OF_NOTHING. */
#define HASH_OF_NOTHING UINT64_C(14695981039346656037)
static inline uint64_t hash_more(uint64_t hash, const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) hash = (hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
  return hash;
}

/* Returns that of a whole text. */
static inline uint64_t hash_text(const char *text) {
  return hash_more(HASH_OF_NOTHING, text, strlen(text));
}

/* Returns a hash of bytes, eight of them at a time; it depends on the byte order. */
static inline uint64_t hash_bytes(const void *bytes, size_t size) {
  const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
  const unsigned char *at = bytes;
  uint64_t hash = size * factor, word;
  for (; size >= sizeof word; at += sizeof word, size -= sizeof word) {
    memcpy(&word, at, sizeof word);
    hash = (hash ^ word) * factor;
    hash ^= hash >> 29;
  }
  word = 0;
  if (size > 0) memcpy(&word, at, size);
  hash = (hash ^ word) * factor;
  return hash ^ hash >> 32;
}
