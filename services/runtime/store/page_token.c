/* SPDX-License-Identifier: Apache-2.0 */
#include "store/page_token.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/uuid.h"
#include "base/violations.h"

enum { SCOPE_TAG_SIZE = 13 };

static const char *scope_tag(struct arena *arena, const char *scope) {
  return arena_memdup(arena, uuid_derive_text(arena, "page", scope), SCOPE_TAG_SIZE);
}

const char *page_token_make(struct arena *arena, const char *scope, int64_t last) {
  return arena_printf(arena, "%s.%" PRIx64, scope_tag(arena, scope), last);
}

struct status page_token_invalid(struct arena *arena) {
  return violation_status(arena, reason_page_token_invalid, "page_token",
                          "is not one that this method gave for this filter");
}

struct status page_token_parse(struct arena *arena, const char *scope, const char *token, int64_t *ret_last) {
  if (!*token) {
    *ret_last = 0;
    return status_ok();
  }
  const char *tag = scope_tag(arena, scope);
  size_t digits = strlen(token) > SCOPE_TAG_SIZE ? strspn(token + SCOPE_TAG_SIZE + 1, "0123456789abcdef") : 0;
  bool ours = strncmp(token, tag, SCOPE_TAG_SIZE) == 0 && token[SCOPE_TAG_SIZE] == '.' && digits > 0 && digits < 16 &&
              !token[SCOPE_TAG_SIZE + 1 + digits];
  if (!ours) return page_token_invalid(arena);
  *ret_last = strtoll(token + SCOPE_TAG_SIZE + 1, NULL, 16);
  return status_ok();
}
