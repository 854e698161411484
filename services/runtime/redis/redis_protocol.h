/* SPDX-License-Identifier: Apache-2.0 */
/* Redis protocol: a command in the form in which it is sent (RESP, https://redis.io/docs/reference/protocol-spec/); for
 * this folder only. hiredis could do it, but with an allocation and a second walk over the text for every command. */
#pragma once

#include <stddef.h>

#include "redis/redis_arguments.h"

/* A buffer that is used again and again; a zero-initialised one is ready to use. */
struct redis_buffer {
  char *bytes;
  size_t size, capacity;
};

/* Returns how many bytes the command takes. */
size_t redis_protocol_size(const struct redis_arguments *arguments);

void redis_protocol_append(struct redis_buffer *buffer, const struct redis_arguments *arguments);

/* Adds `size` bytes, which the caller fills, and returns where they begin. */
char *redis_buffer_extend(struct redis_buffer *buffer, size_t size);

/* Forgets the content, and gives back what a big one took. */
void redis_buffer_empty(struct redis_buffer *buffer);
void redis_buffer_free(struct redis_buffer *buffer);
