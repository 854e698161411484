/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_protocol.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { KEPT_BYTES = 64 * 1024 };

static size_t digits_of(size_t number) {
  size_t digits = 1;
  for (; number > 9; number /= 10) digits++;
  return digits;
}

/* "*3\r\n" and "$17\r\n". */
static char *write_header(char *at, char kind, size_t number) {
  *at++ = kind;
  size_t digits = digits_of(number);
  for (size_t i = digits; i > 0; i--, number /= 10) at[i - 1] = (char)('0' + number % 10);
  memcpy(at + digits, "\r\n", 2);
  return at + digits + 2;
}

static size_t header_size(size_t number) {
  return 1 + digits_of(number) + 2;
}

size_t redis_protocol_size(const struct redis_arguments *arguments) {
  size_t size = header_size(arguments->count);
  for (size_t i = 0; i < arguments->count; i++) size += header_size(arguments->sizes[i]) + arguments->sizes[i] + 2;
  return size;
}

void redis_protocol_append(struct redis_buffer *buffer, const struct redis_arguments *arguments) {
  char *at = redis_buffer_extend(buffer, redis_protocol_size(arguments));
  at = write_header(at, '*', arguments->count);
  for (size_t i = 0; i < arguments->count; i++) {
    at = write_header(at, '$', arguments->sizes[i]);
    memcpy(at, arguments->values[i], arguments->sizes[i]);
    memcpy(at + arguments->sizes[i], "\r\n", 2);
    at += arguments->sizes[i] + 2;
  }
}

static void grow(struct redis_buffer *buffer, size_t capacity) {
  if (capacity < KEPT_BYTES) capacity = KEPT_BYTES;
  if (capacity < 2 * buffer->capacity) capacity = 2 * buffer->capacity;
  buffer->bytes = memory_realloc(buffer->bytes, capacity);
  buffer->capacity = capacity;
}

char *redis_buffer_extend(struct redis_buffer *buffer, size_t size) {
  if (buffer->size + size > buffer->capacity) grow(buffer, buffer->size + size);
  char *begin = buffer->bytes + buffer->size;
  buffer->size += size;
  return begin;
}

void redis_buffer_empty(struct redis_buffer *buffer) {
  buffer->size = 0;
  if (buffer->capacity > KEPT_BYTES) redis_buffer_free(buffer);
}

void redis_buffer_free(struct redis_buffer *buffer) {
  free(buffer->bytes);
  *buffer = (struct redis_buffer){0};
}
