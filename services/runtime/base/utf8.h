/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as RFC 3629 defines it: no surrogates, no overlong forms, nothing above U+10FFFF. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returns the number of bytes of the code point at the start of `bytes` (size > 0), or 0 if they are not valid UTF-8.
 */
static inline size_t utf8_decode(const unsigned char *bytes, size_t size, uint32_t *ret_point);

/* Returns how many bytes of `text` fit into `max` without dividing a character: all of them if it isn't longer, and
 * `max` if it is not UTF-8. */
size_t utf8_cut(const char *text, size_t max);

/* Returns whether the code point is a control character: C0, DEL, C1, and the line and paragraph separators U+2028 and
 * U+2029. */
static inline bool utf8_is_control(uint32_t point);

/* Returns whether the code point shows nothing where it stands alone: by Unicode's properties White_Space and
 * Default_Ignorable_Code_Point, or as a format character (General_Category Cf). */
bool utf8_is_blank(uint32_t point);

/* Returns the number of code points of valid UTF-8, or -1 if it is not valid (RFC 3629: no surrogates, no overlong
 * forms). */
int64_t utf8_length(const void *bytes, size_t size);

/* ---- inline, since texts are mostly ASCII and each of their characters is looked at ------------------------------ */

/* utf8_decode for what begins with a byte above 0x7F. */
size_t utf8_decode_beyond_ascii(const unsigned char *bytes, size_t size, uint32_t *ret_point);

static inline size_t utf8_decode(const unsigned char *bytes, size_t size, uint32_t *ret_point) {
  if (bytes[0] > 0x7F) return utf8_decode_beyond_ascii(bytes, size, ret_point);
  *ret_point = bytes[0];
  return 1;
}

static inline bool utf8_is_control(uint32_t point) {
  return point < 0x20 || (point >= 0x7F && point <= 0x9F) || point == 0x2028 || point == 0x2029;
}
