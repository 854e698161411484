/* SPDX-License-Identifier: Apache-2.0 */
/* Program: what a commit asks of lua/transactions.lua, in the form in which Redis takes it in with the least work.
 *
 * Each key and each argument of a function costs Redis' one thread more than most of what is then done with it, and the
 * transactions of a commit name the same keys over and over. So each key travels once, and all else that a transaction
 * has is one argument: a row of MessagePack objects (https://msgpack.org), numbers and texts, which Redis' Lua can
 * read. Threads: the loop's. */
#pragma once

#include <stddef.h>

#include "redis/redis_arguments.h"

struct program {
  struct redis_arguments keys;      /* each once; begins with the clock */
  struct redis_arguments arguments; /* begins with the number of events; then those of each transaction */
  struct program_entry *known;      /* where each key is among the keys */
  size_t known_capacity;            /* a power of two */
  unsigned char *bytes;             /* of the argument that is being made */
  size_t size, capacity;
  size_t objects, objects_left; /* of that argument; of the transaction */
};

/* An empty program of transactions that have so many events, and name keys so many times. Everything lives in `arena`.
 */
struct program program_of(struct arena *arena, const char *clock, size_t events, size_t keys);

/* Begins a transaction of so many objects, which are to be added next. Its first object is their number. */
void program_begin(struct program *program, size_t objects);
void program_add_number(struct program *program, size_t number); /* below 2^32 */
void program_add_text(struct program *program, const void *bytes, size_t size);
/* Adds the place of the key among the keys. The key must live as long as the program. */
void program_add_key(struct program *program, const char *key);
