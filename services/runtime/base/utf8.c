/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <string.h>

enum { CONTINUATIONS_MAX = 3 }; /* bytes of a character behind its first */

/* Lead byte, its payload, and the least code point that needs so many bytes. */
struct form {
  size_t bytes;
  uint32_t payload;
  uint32_t min;
};

static struct form form_of(unsigned char lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return (struct form){2, lead & 0x1Fu, 0x80};
  if (lead >= 0xE0 && lead <= 0xEF) return (struct form){3, lead & 0x0Fu, 0x800};
  if (lead >= 0xF0 && lead <= 0xF4) return (struct form){4, lead & 0x07u, 0x10000};
  return (struct form){0};
}

static bool is_continuation(unsigned char byte) {
  return (byte & 0xC0) == 0x80;
}

size_t utf8_decode_beyond_ascii(const unsigned char *bytes, size_t size, uint32_t *ret_point) {
  struct form form = form_of(bytes[0]);
  if (form.bytes == 0 || form.bytes > size) return 0;
  uint32_t point = form.payload;
  for (size_t i = 1; i < form.bytes; i++) {
    if (!is_continuation(bytes[i])) return 0;
    point = point << 6 | (bytes[i] & 0x3Fu);
  }
  bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  if (point < form.min || point > 0x10FFFF || surrogate) return 0;
  *ret_point = point;
  return form.bytes;
}

size_t utf8_cut(const char *text, size_t max) {
  size_t length = strnlen(text, max + 1);
  if (length <= max) return length;
  size_t cut = max;
  for (int i = 0; i < CONTINUATIONS_MAX && cut > 0 && is_continuation((unsigned char)text[cut]); i++) cut--;
  return is_continuation((unsigned char)text[cut]) ? max : cut;
}

/* Unicode 14.0, by gen/unicode_blank.pl. */
static const struct range {
  uint32_t first, last;
} blanks[] = {
    {0x0009, 0x000D},   {0x0020, 0x0020},   {0x0085, 0x0085},   {0x00A0, 0x00A0},   {0x00AD, 0x00AD},
    {0x034F, 0x034F},   {0x0600, 0x0605},   {0x061C, 0x061C},   {0x06DD, 0x06DD},   {0x070F, 0x070F},
    {0x0890, 0x0891},   {0x08E2, 0x08E2},   {0x115F, 0x1160},   {0x1680, 0x1680},   {0x17B4, 0x17B5},
    {0x180B, 0x180F},   {0x2000, 0x200F},   {0x2028, 0x202F},   {0x205F, 0x206F},   {0x3000, 0x3000},
    {0x3164, 0x3164},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},   {0xFFF0, 0xFFFB},
    {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x13430, 0x13438}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A},
    {0xE0000, 0xE0FFF},
};

bool utf8_is_blank(uint32_t point) {
  size_t from = 0, to = sizeof blanks / sizeof *blanks;
  while (from < to) {
    size_t middle = (from + to) / 2;
    if (point > blanks[middle].last) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return from < sizeof blanks / sizeof *blanks && point >= blanks[from].first;
}

int64_t utf8_length(const void *bytes, size_t size) {
  const unsigned char *at = bytes, *end = at + size;
  int64_t length = 0;
  for (; at < end; length++) {
    uint32_t point;
    size_t step = utf8_decode(at, (size_t)(end - at), &point);
    if (step == 0) return -1;
    at += step;
  }
  return length;
}
