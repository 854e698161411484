/* SPDX-License-Identifier: Apache-2.0 */
#include "base/traceparent.h"

#include <stddef.h>
#include <string.h>

#include "base/uuid.h"

/* Where the parts begin, and how long they are. */
enum {
  TRACE_AT = 3,
  TRACE_LENGTH = TRACE_ID_SIZE - 1,
  SPAN_AT = TRACE_AT + TRACE_LENGTH + 1,
  SPAN_LENGTH = 16,
  FLAGS_AT = SPAN_AT + SPAN_LENGTH + 1,
  LENGTH = FLAGS_AT + 2,
};

/* Does not read behind the end of a text that is shorter. */
static bool is_hex(const char *text, size_t length) {
  return strspn(text, "0123456789abcdef") >= length;
}

static bool is_zero(const char *text, size_t length) {
  return strspn(text, "0") >= length;
}

static bool has_parts(const char *text) {
  return strnlen(text, LENGTH) == LENGTH && text[TRACE_AT - 1] == '-' && text[SPAN_AT - 1] == '-' &&
         text[FLAGS_AT - 1] == '-' && is_hex(text, 2) && is_hex(text + TRACE_AT, TRACE_LENGTH) &&
         is_hex(text + SPAN_AT, SPAN_LENGTH) && is_hex(text + FLAGS_AT, 2);
}

static bool ends_well(const char *text) {
  if (memcmp(text, "00", 2) == 0) return text[LENGTH] == '\0';
  return memcmp(text, "ff", 2) != 0 && (text[LENGTH] == '\0' || text[LENGTH] == '-');
}

bool traceparent_is_valid(const char *text) {
  return text && has_parts(text) && !is_zero(text + TRACE_AT, TRACE_LENGTH) && !is_zero(text + SPAN_AT, SPAN_LENGTH) &&
         ends_well(text);
}

void traceparent_trace_id(const char *valid, char ret_id[TRACE_ID_SIZE]) {
  memcpy(ret_id, valid + TRACE_AT, TRACE_LENGTH);
  ret_id[TRACE_LENGTH] = '\0';
}

static bool is_sampled(const char *valid) {
  return strchr("13579bdf", valid[FLAGS_AT + 1]) != NULL;
}

static unsigned char digit_of(char c) {
  return (unsigned char)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void read_hex(const char *text, unsigned char *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    bytes[i] = (unsigned char)(digit_of(text[2 * i]) << 4 | digit_of(text[2 * i + 1]));
  }
}

static void write_hex(const unsigned char *bytes, size_t count, char *text) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < count; i++) {
    text[2 * i] = digits[bytes[i] >> 4];
    text[2 * i + 1] = digits[bytes[i] & 0xf];
  }
}

bool traceparent_parse(const char *text, struct trace_ids *ret_ids) {
  if (!traceparent_is_valid(text)) return false;
  read_hex(text + TRACE_AT, ret_ids->trace, sizeof ret_ids->trace);
  read_hex(text + SPAN_AT, ret_ids->span, sizeof ret_ids->span);
  ret_ids->sampled = is_sampled(text);
  return true;
}

const char *traceparent_text(struct arena *arena, const struct trace_ids *ids) {
  static const char form[] = "00-................................-................-0.";
  char *text = arena_memdup(arena, form, LENGTH);
  write_hex(ids->trace, sizeof ids->trace, text + TRACE_AT);
  write_hex(ids->span, sizeof ids->span, text + SPAN_AT);
  text[LENGTH - 1] = ids->sampled ? '1' : '0';
  return text;
}

/* The span id is the second half of a random UUID, whose variant keeps it from being zero. */
const char *traceparent_child(struct arena *arena, const char *text) {
  if (!traceparent_is_valid(text)) return NULL;
  const char *random = uuid_random(arena);
  return arena_printf(arena, "00-%.*s-%.4s%.12s-%s", TRACE_LENGTH, text + TRACE_AT, random + 19, random + 24,
                      is_sampled(text) ? "01" : "00");
}
