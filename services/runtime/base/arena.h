/* SPDX-License-Identifier: Apache-2.0 */
/* Arena: memory that lives as long as one call or one event, then goes as a whole.
 *
 * The request, the reply and the scratch memory of a call live in its arena; nothing in it is freed by hand.
 * Threads: an arena belongs to one thread at a time. If memory runs out, the process ends with one log line: all state
 * is in Redis, so a restarted service continues where this one stopped. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdarg.h>
#include <stddef.h>

struct arena;

/* Returns a new arena, which the caller owns and frees with arena_free. Arenas are pooled, so both are cheap. */
struct arena *arena_new(void);

/* Frees the arena and all that was allocated in it. NULL is allowed. */
void arena_free(struct arena *arena);

/* Forgets everything allocated and keeps the first block. It is for loops that use one arena per turn. */
void arena_reset(struct arena *arena);

/* Returns `size` bytes, aligned for any type and not initialised. The result is never NULL; size 0 gives a valid
 * pointer. */
void *arena_alloc(struct arena *arena, size_t size);

/* Returns room for `count` elements of `size` bytes, zeroed. The result is never NULL; an overflow of count * size ends
 * the process. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);

/* Return a copy of `text` (NULL if `text` is NULL), or of `size` bytes; a copy of bytes gets a NUL behind it. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_memdup(struct arena *arena, const void *bytes, size_t size);

/* Print into the arena, as printf does. */
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list values) __attribute__((format(printf, 2, 0)));

/* Returns an adapter for protobuf_c_message_unpack, which lives in the arena. What it unpacks must not be passed to
 * free_unpacked. */
ProtobufCAllocator *arena_allocator(struct arena *arena);

/* Returns how many bytes have been handed out so far; for limits and tests. */
size_t arena_used(const struct arena *arena);
