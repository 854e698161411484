/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/plain_format.h"
#include "base/poison.h"

enum {
  FIRST_BYTES = 4096, /* of the block that the arena itself lies in */
  LARGEST_BLOCK_BYTES = 64 * 1024,
  POOLED_MAX = 256,  /* arenas that a thread keeps for later */
  PLAIN_BYTES = 256, /* texts up to here are made without printf, where that can be */
};
#define ALIGNMENT _Alignof(max_align_t)

/* A further block's header; the bytes that are handed out follow it. */
struct block {
  struct block *next;
  size_t bytes; /* behind the header */
} __attribute__((aligned(16)));

/* The arena lies at the start of its first block:
 *
 *   | arena | used | free ... |     | block | used | free ... |
 *                  ^ at       ^ end
 */
struct arena {
  char *at, *end;       /* free part of the block that is being filled */
  struct block *blocks; /* further blocks, newest first */
  size_t used;          /* bytes handed out */
  size_t growth;        /* size of the next block */
  struct arena *pooled; /* next in the pool */
  ProtobufCAllocator allocator;
} __attribute__((aligned(16)));

struct pool {
  struct arena *first;
  size_t count;
  bool registered; /* to be emptied when the thread ends */
};

static _Thread_local struct pool pool;
static pthread_once_t pool_once = PTHREAD_ONCE_INIT;
static pthread_key_t pool_key;

static void arena_destroy(struct arena *arena) {
  memory_unpoison(arena, FIRST_BYTES);
  free(arena);
}

static void pool_empty(void *argument) {
  struct pool *ended = argument;
  while (ended->first) {
    struct arena *arena = ended->first;
    ended->first = arena->pooled;
    arena_destroy(arena);
  }
  ended->count = 0;
}

static void pool_make_key(void) {
  pthread_key_create(&pool_key, pool_empty);
}

static void pool_register(void) {
  pthread_once(&pool_once, pool_make_key);
  pthread_setspecific(pool_key, &pool);
  pool.registered = true;
}

static void *allocator_alloc(void *arena, size_t size) {
  return arena_alloc(arena, size);
}

static void allocator_free(void *arena, void *memory) {
  (void)arena, (void)memory;
}

static struct arena *arena_make(void) {
  struct arena *arena = memory_alloc(FIRST_BYTES);
  *arena = (struct arena){
      .allocator = {.alloc = allocator_alloc, .free = allocator_free, .allocator_data = arena},
  };
  return arena;
}

static void arena_start(struct arena *arena) {
  arena->at = (char *)(arena + 1);
  arena->end = (char *)arena + FIRST_BYTES;
  arena->blocks = NULL;
  arena->used = 0;
  arena->growth = FIRST_BYTES * 2;
  memory_poison(arena->at, (size_t)(arena->end - arena->at));
}

struct arena *arena_new(void) {
  struct arena *arena = pool.first;
  if (arena) {
    pool.first = arena->pooled;
    pool.count--;
  } else {
    arena = arena_make();
  }
  arena_start(arena);
  return arena;
}

void arena_reset(struct arena *arena) {
  while (arena->blocks) {
    struct block *block = arena->blocks;
    arena->blocks = block->next;
    memory_unpoison(block + 1, block->bytes);
    free(block);
  }
  arena_start(arena);
}

void arena_free(struct arena *arena) {
  if (!arena) return;
  arena_reset(arena);
  if (pool.count >= POOLED_MAX) {
    arena_destroy(arena);
    return;
  }
  if (!pool.registered) pool_register();
  arena->pooled = pool.first;
  pool.first = arena;
  pool.count++;
}

static char *arena_add_block(struct arena *arena, size_t bytes) {
  struct block *block = memory_alloc(sizeof(*block) + bytes);
  *block = (struct block){.next = arena->blocks, .bytes = bytes};
  arena->blocks = block;
  memory_poison(block + 1, bytes);
  return (char *)(block + 1);
}

/* `room` is the rounded size. A large piece gets a block of its own, so that the rest of the current one is not lost.
 */
static char *arena_grow(struct arena *arena, size_t room) {
  if (room > arena->growth / 4) return arena_add_block(arena, room);
  size_t bytes = arena->growth - sizeof(struct block);
  char *memory = arena_add_block(arena, bytes);
  arena->at = memory + room;
  arena->end = memory + bytes;
  if (arena->growth < LARGEST_BLOCK_BYTES) arena->growth *= 2;
  return memory;
}

void *arena_alloc(struct arena *arena, size_t size) {
  if (size > SIZE_MAX / 2) memory_exhausted(size);
  size_t room = (size + POISON_GAP + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
  char *memory = arena->at;
  if (room <= (size_t)(arena->end - memory)) {
    arena->at = memory + room;
  } else {
    memory = arena_grow(arena, room);
  }
  arena->used += size;
  memory_unpoison(memory, size);
  return memory;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) memory_exhausted(SIZE_MAX);
  return memset(arena_alloc(arena, bytes), 0, bytes);
}

char *arena_strdup(struct arena *arena, const char *text) {
  return text ? arena_memdup(arena, text, strlen(text)) : NULL;
}

char *arena_memdup(struct arena *arena, const void *bytes, size_t size) {
  char *copy = arena_alloc(arena, size + 1);
  if (size > 0) memcpy(copy, bytes, size);
  copy[size] = '\0';
  return copy;
}

/* Prints to where the text will be if it fits there, as it mostly does, and only otherwise once more. */
char *arena_vprintf(struct arena *arena, const char *format, va_list values) {
  char plain[PLAIN_BYTES];
  long plain_length = plain_format(plain, sizeof plain, format, values);
  if (plain_length >= 0) return arena_memdup(arena, plain, (size_t)plain_length);

  va_list again;
  va_copy(again, values);
  char *at = arena->at;
  size_t room = (size_t)(arena->end - at);
  memory_unpoison(at, room);
  int length = vsnprintf(at, room, format, values);
  memory_poison(at, room);
  size_t size = length < 0 ? 1 : (size_t)length + 1;
  char *text = arena_alloc(arena, size);
  if (length < 0) text[0] = '\0';
  if (length >= 0 && text != at) vsnprintf(text, size, format, again);
  va_end(again);
  return text;
}

char *arena_printf(struct arena *arena, const char *format, ...) {
  va_list values;
  va_start(values, format);
  char *text = arena_vprintf(arena, format, values);
  va_end(values);
  return text;
}

ProtobufCAllocator *arena_allocator(struct arena *arena) {
  return &arena->allocator;
}

size_t arena_used(const struct arena *arena) {
  return arena->used;
}
