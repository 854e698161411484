/* SPDX-License-Identifier: Apache-2.0 */
#include "base/plain_format.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* What is still free; `at` NULL means that something did not fit. */
struct room {
  char *at, *end;
};

static void put(struct room *room, const char *text, size_t size) {
  if (!room->at) return;
  if (size >= (size_t)(room->end - room->at)) {
    room->at = NULL;
    return;
  }
  memcpy(room->at, text, size);
  room->at += size;
}

static void put_number(struct room *room, uint64_t number, unsigned base, bool negative) {
  char text[24], *at = text + sizeof text;
  do {
    *--at = "0123456789abcdef"[number % base];
    number /= base;
  } while (number > 0);
  if (negative) *--at = '-';
  put(room, at, (size_t)(text + sizeof text - at));
}

static void put_signed(struct room *room, int64_t number) {
  put_number(room, number < 0 ? -(uint64_t)number : (uint64_t)number, 10, number < 0);
}

static bool takes(const char **format, const char *conversion) {
  size_t size = strlen(conversion);
  if (strncmp(*format, conversion, size) != 0) return false;
  *format += size;
  return true;
}

long plain_format(char *room, size_t size, const char *format, va_list values) {
  struct room left = {room, room + size};
  va_list rest;
  va_copy(rest, values);
  while (left.at && *format) {
    size_t literal = (size_t)(strchrnul(format, '%') - format);
    put(&left, format, literal);
    format += literal;
    if (!*format) break;
    format++;
    if (takes(&format, "s")) {
      const char *text = va_arg(rest, const char *);
      if (text) {
        put(&left, text, strlen(text));
      } else {
        left.at = NULL;
      }
    } else if (takes(&format, "d")) {
      put_signed(&left, va_arg(rest, int));
    } else if (takes(&format, "ld")) {
      put_signed(&left, va_arg(rest, long));
    } else if (takes(&format, "lld")) {
      put_signed(&left, va_arg(rest, long long));
    } else if (takes(&format, "zu")) {
      put_number(&left, va_arg(rest, size_t), 10, false);
    } else if (takes(&format, "lx")) {
      put_number(&left, va_arg(rest, unsigned long), 16, false);
    } else {
      left.at = NULL;
    }
  }
  va_end(rest);
  if (!left.at || size == 0) return -1;
  *left.at = '\0';
  return left.at - room;
}
