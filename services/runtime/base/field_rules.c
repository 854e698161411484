/* SPDX-License-Identifier: Apache-2.0 */
#include "base/field_rules.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"
#include "base/uuid.h"

enum { NAME_LENGTH_MAX = 256 };

/* What a text is made of. */
struct text_traits {
  int64_t length; /* code points; -1 means not valid UTF-8 */
  bool blank;     /* nothing that shows */
  bool controls;  /* control characters, breaks left out */
  bool breaks;    /* line feed, also behind a carriage return, or tab */
};

static struct text_traits text_examine(const void *bytes, size_t size) {
  struct text_traits traits = {.blank = true};
  const unsigned char *at = bytes, *end = at + size;
  while (at < end) {
    uint32_t point;
    size_t step = utf8_decode(at, (size_t)(end - at), &point);
    if (step == 0) return (struct text_traits){.length = -1};
    bool ends_line = point == '\n' || (point == '\r' && at + 1 < end && at[1] == '\n');
    if (ends_line || point == '\t') {
      traits.breaks = true;
    } else if (utf8_is_control(point)) {
      traits.controls = true;
    }
    traits.blank = traits.blank && utf8_is_blank(point);
    traits.length++;
    at += step;
  }
  return traits;
}

void check_name(struct violations *violations, const char *field, const char *value) {
  if (!value) value = "";
  struct text_traits traits = text_examine(value, strlen(value));
  if (traits.length < 0) {
    violation_add(violations, field, "must be valid UTF-8");
    return;
  }
  if (traits.length > NAME_LENGTH_MAX) {
    violation_add(violations, field, "must have at most %d characters, not %" PRId64, NAME_LENGTH_MAX, traits.length);
  }
  if (traits.controls || traits.breaks) {
    violation_add(violations, field, "must not contain control characters");
  } else if (traits.blank) {
    violation_add(violations, field, "must not be blank");
  }
}

void check_text(struct violations *violations, const char *field, const char *value, size_t max, bool lines) {
  if (!value) return;
  struct text_traits traits = text_examine(value, strlen(value));
  if (traits.length < 0) {
    violation_add(violations, field, "must be valid UTF-8");
    return;
  }
  if ((uint64_t)traits.length > max) {
    violation_add(violations, field, "must have at most %zu characters, not %" PRId64, max, traits.length);
  }
  if (traits.controls || (traits.breaks && !lines)) {
    violation_add(violations, field, "must not contain control characters%s", lines ? " but line feeds and tabs" : "");
  }
}

void check_uuid(struct violations *violations, const char *field, const char *value) {
  if (uuid_is_valid(value)) return;
  violation_add(violations, field, "must be a UUID of the form 01234567-89ab-cdef-0123-456789abcdef");
}

void check_optional_uuid(struct violations *violations, const char *field, const char *value) {
  if (value && value[0] != '\0') check_uuid(violations, field, value);
}

void check_range(struct violations *violations, const char *field, int64_t value, int64_t min, int64_t max) {
  if (value >= min && value <= max) return;
  violation_add(violations, field, "must be from %" PRId64 " to %" PRId64 ", not %" PRId64, min, max, value);
}
