#include "base/utf8.h"

#include <string.h>

enum { CONTINUATIONS_MOST = 3 }; /* bytes of a character behind its first */

/* Lead byte, its payload, and the least code point that needs so many bytes. */
struct form {
  size_t bytes;
  uint32_t payload;
  uint32_t least;
};

static struct form form_of(unsigned char lead) {
  if (lead < 0x80) return (struct form){1, lead, 0};
  if (lead >= 0xC2 && lead <= 0xDF) return (struct form){2, lead & 0x1Fu, 0x80};
  if (lead >= 0xE0 && lead <= 0xEF) return (struct form){3, lead & 0x0Fu, 0x800};
  if (lead >= 0xF0 && lead <= 0xF4) return (struct form){4, lead & 0x07u, 0x10000};
  return (struct form){0};
}

static bool is_continuation(unsigned char byte) {
  return (byte & 0xC0) == 0x80;
}

size_t utf8_decode(const unsigned char *bytes, size_t size, uint32_t *ret_point) {
  struct form form = form_of(bytes[0]);
  if (form.bytes == 0 || form.bytes > size) return 0;
  uint32_t point = form.payload;
  for (size_t i = 1; i < form.bytes; i++) {
    if (!is_continuation(bytes[i])) return 0;
    point = point << 6 | (bytes[i] & 0x3Fu);
  }
  bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  if (point < form.least || point > 0x10FFFF || surrogate) return 0;
  *ret_point = point;
  return form.bytes;
}

size_t utf8_cut(const char *text, size_t most) {
  size_t length = strnlen(text, most + 1);
  if (length <= most) return length;
  size_t cut = most;
  for (int i = 0; i < CONTINUATIONS_MOST && cut > 0 && is_continuation((unsigned char)text[cut]); i++) cut--;
  return is_continuation((unsigned char)text[cut]) ? most : cut;
}

bool utf8_is_control(uint32_t point) {
  return point < 0x20 || (point >= 0x7F && point <= 0x9F) || point == 0x2028 || point == 0x2029;
}

bool utf8_is_space(uint32_t point) {
  switch (point) {
    case 0x20:
    case 0x85:
    case 0xA0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000:
      return true;
    default:
      return (point >= 0x09 && point <= 0x0D) || (point >= 0x2000 && point <= 0x200A);
  }
}
