/* SPDX-License-Identifier: Apache-2.0 */
/* Arena: memory that lives as long as one call or one event, then goes as a whole.
 *
 * Request, reply and scratch of a call live in its arena; nothing in it is freed by hand.
 * Threads: an arena belongs to one thread at a time. Memory that runs out ends the process with one log line: all
 * state is in Redis, so a restarted service continues where this one stopped. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdarg.h>
#include <stddef.h>

struct arena;

/* The caller owns the result; free with arena_free. Arenas are pooled: new and free are cheap. */
struct arena *arena_new(void);

/* Frees the arena and all that was allocated in it. NULL is allowed. */
void arena_free(struct arena *arena);

/* Forgets everything allocated, keeps the first block. For loops that use one arena per turn. */
void arena_reset(struct arena *arena);

/* `size` bytes, aligned for any type, not initialised. Never NULL; size 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);

/* Room for `count` elements of `size` bytes, zeroed. Never NULL; an overflow of count * size ends the process. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);

/* Copies of `text` (which may be NULL; then the copy is NULL) or of `size` bytes; a copy of bytes gets a NUL behind it.
 */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_memdup(struct arena *arena, const void *bytes, size_t size);

/* printf into the arena. */
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list values) __attribute__((format(printf, 2, 0)));

/* Adapter for protobuf_c_message_unpack; lives in the arena. What it unpacks must not be passed to free_unpacked. */
ProtobufCAllocator *arena_allocator(struct arena *arena);

/* Bytes handed out so far; for limits and tests. */
size_t arena_used(const struct arena *arena);
