/* SPDX-License-Identifier: Apache-2.0 */
/* Redis protocol: a command in the form in which it is sent (RESP, https://redis.io/docs/reference/protocol-spec/); for
 * this folder only. hiredis could do it, but with an allocation and a second walk over the text for every command. */
#pragma once

#include <stddef.h>

#include "redis/redis_arguments.h"

/* A buffer that is used again for each command; a zero-initialised one is ready to use. */
struct redis_buffer {
  char *bytes;
  size_t size, capacity;
};

/* Returns how many bytes the command takes. */
size_t redis_protocol_size(const struct redis_arguments *arguments);

/* Replaces the buffer's content with the command. */
void redis_protocol_format(struct redis_buffer *buffer, const struct redis_arguments *arguments);

/* Gives back what a big command took; it has no effect on a buffer of ordinary size. */
void redis_buffer_shrink(struct redis_buffer *buffer);
void redis_buffer_free(struct redis_buffer *buffer);
