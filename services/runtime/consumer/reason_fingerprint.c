/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/reason_fingerprint.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

static const char WORD_ENDS[] = " \t\n\"'(),;:=<>[]{}";

/* Returns whether the word tells one case from another. */
static bool is_particular(const char *word, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (strchr("0123456789@", word[i])) return true;
  }
  return false;
}

/* Returns how long the quoted text is that begins here, with its quotes; 0 if none does. */
static size_t quoted_size(const char *text) {
  const char *end = *text == '"' ? strchr(text + 1, '"') : NULL;
  return end ? (size_t)(end - text) + 1 : 0;
}

void reason_fingerprint(const char *reason, char ret_fingerprint[static FINGERPRINT_SIZE]) {
  uint64_t hash = HASH_OF_NOTHING;
  for (size_t size; *reason; reason += size) {
    size = quoted_size(reason);
    bool particular = size > 0;
    if (size == 0) {
      size = strcspn(reason, WORD_ENDS);
      particular = is_particular(reason, size);
    }
    if (size == 0) size = 1;
    hash = particular ? hash_more(hash, "#", 1) : hash_more(hash, reason, size);
  }
  snprintf(ret_fingerprint, FINGERPRINT_SIZE, "%016" PRIx64, hash);
}
