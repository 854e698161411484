/* SPDX-License-Identifier: Apache-2.0 */
#include "store/program.h"

#include <string.h>

#include "base/hash.h"

enum {
  ARGUMENT_OBJECTS = 4000, /* Lua unpacks at most some 8,000 at once; a transaction with more has several arguments */
  PREFIX_BYTES = 5,        /* of an object, at most */
  FIRST_BYTES = 512,
  KNOWN_MIN = 64,
  SEARCH_PLACES = 8,
};

/* The codes of MessagePack. */
enum { PACK_UINT8 = 0xcc, PACK_STR8 = 0xd9 };

struct program_entry {
  const char *key;
  uint32_t hash, place; /* place: 0 means that the entry is free */
};

struct program program_of(struct arena *arena, const char *clock, size_t events, size_t keys) {
  struct program program = {.keys = redis_arguments_empty(arena), .arguments = redis_arguments_empty(arena)};
  redis_add_text(&program.keys, clock);
  redis_add_number(&program.arguments, (int64_t)events);
  program.known_capacity = KNOWN_MIN;
  while (program.known_capacity < 2 * keys) program.known_capacity *= 2;
  program.known = arena_calloc(arena, program.known_capacity, sizeof *program.known);
  return program;
}

/* ---- arguments -------------------------------------------------------------------------------------------------- */

static void begin_argument(struct program *program) {
  program->bytes = arena_alloc(program->keys.arena, FIRST_BYTES);
  program->capacity = FIRST_BYTES;
  program->size = program->objects = 0;
}

/* Returns room for `more` bytes. What the bytes were before stays in the arena until the arena goes. */
static unsigned char *make_room(struct program *program, size_t more) {
  if (program->size + more > program->capacity) {
    program->capacity = 2 * (program->size + more);
    unsigned char *bytes = arena_alloc(program->keys.arena, program->capacity);
    memcpy(bytes, program->bytes, program->size);
    program->bytes = bytes;
  }
  return program->bytes + program->size;
}

/* Notes that an object has been written, which ends there. */
static void end_object(struct program *program, const unsigned char *end) {
  program->size = (size_t)(end - program->bytes);
  program->objects++;
  program->objects_left--;
  if (program->objects_left > 0 && program->objects < ARGUMENT_OBJECTS) return;
  redis_add_bytes(&program->arguments, program->bytes, program->size);
  if (program->objects_left > 0) begin_argument(program);
}

/* Writes a number into as few bytes as will hold it, behind the code that says how many these are: `code` for one, the
 * next for two, the one after that for four. */
static unsigned char *put_number(unsigned char *at, int code, size_t number) {
  int size = number <= UINT8_MAX ? 0 : number <= UINT16_MAX ? 1 : 2;
  *at++ = (unsigned char)(code + size);
  for (int shift = 8 * ((1 << size) - 1); shift >= 0; shift -= 8) *at++ = (unsigned char)(number >> shift);
  return at;
}

void program_add_number(struct program *program, size_t number) {
  unsigned char *at = make_room(program, PREFIX_BYTES);
  if (number <= INT8_MAX) {
    *at++ = (unsigned char)number;
  } else {
    at = put_number(at, PACK_UINT8, number);
  }
  end_object(program, at);
}

void program_add_text(struct program *program, const void *bytes, size_t size) {
  unsigned char *at = put_number(make_room(program, PREFIX_BYTES + size), PACK_STR8, size);
  if (size > 0) memcpy(at, bytes, size);
  end_object(program, at + size);
}

void program_begin(struct program *program, size_t objects) {
  begin_argument(program);
  program->objects_left = 1 + objects;
  program_add_number(program, 1 + objects);
}

/* ---- keys ------------------------------------------------------------------------------------------------------- */

/* Returns the key's place if it is known; else it will be known as the one at `next`, and 0 is returned. The search
 * ends after a few entries, so that no choice of keys makes it slow: where it misses one, that travels twice. */
static size_t find_or_note(struct program *program, const char *key, size_t size, size_t next) {
  uint32_t hash = (uint32_t)hash_bytes(key, size);
  for (size_t i = 0; i < SEARCH_PLACES; i++) {
    struct program_entry *entry = &program->known[(hash + i) & (program->known_capacity - 1)];
    if (entry->place == 0) {
      *entry = (struct program_entry){.key = key, .hash = hash, .place = (uint32_t)next};
      return 0;
    }
    if (entry->hash == hash && strcmp(entry->key, key) == 0) return entry->place;
  }
  return 0;
}

void program_add_key(struct program *program, const char *key) {
  size_t size = strlen(key), next = program->keys.count + 1;
  size_t place = find_or_note(program, key, size, next);
  if (place == 0) redis_add_bytes(&program->keys, key, size);
  program_add_number(program, place > 0 ? place : next);
}
