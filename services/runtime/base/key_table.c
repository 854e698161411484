/* SPDX-License-Identifier: Apache-2.0 */
#include "base/key_table.h"

#include <stdint.h>
#include <string.h>

#include "base/hash.h"

enum { FIRST_CAPACITY = 64 };

struct slot {
  uint64_t hash;
  const char *key; /* NULL means free */
  void *value;
};

/* Open addressing; at most half full, so that a search ends soon. */
struct key_table {
  struct arena *arena;
  struct slot *slots;
  size_t capacity; /* a power of two */
  size_t count;
};

struct key_table *key_table_new(struct arena *arena) {
  struct key_table *table = arena_calloc(arena, 1, sizeof *table);
  table->arena = arena;
  table->capacity = FIRST_CAPACITY;
  table->slots = arena_calloc(arena, FIRST_CAPACITY, sizeof *table->slots);
  return table;
}

/* The key's slot, or the free one where it belongs. */
static struct slot *slot_of(const struct key_table *table, uint64_t hash, const char *key) {
  for (size_t i = (size_t)hash;; i++) {
    struct slot *slot = &table->slots[i & (table->capacity - 1)];
    if (!slot->key || (slot->hash == hash && strcmp(slot->key, key) == 0)) return slot;
  }
}

static void grow(struct key_table *table) {
  struct slot *old = table->slots;
  size_t count = table->capacity;
  table->capacity *= 2;
  table->slots = arena_calloc(table->arena, table->capacity, sizeof *table->slots);
  for (size_t i = 0; i < count; i++) {
    if (old[i].key) *slot_of(table, old[i].hash, old[i].key) = old[i];
  }
}

void **key_table_at(struct key_table *table, const char *key) {
  uint64_t hash = hash_text(key);
  struct slot *slot = slot_of(table, hash, key);
  if (slot->key) return &slot->value;
  if (2 * table->count >= table->capacity) {
    grow(table);
    slot = slot_of(table, hash, key);
  }
  *slot = (struct slot){.hash = hash, .key = arena_strdup(table->arena, key)};
  table->count++;
  return &slot->value;
}

void *key_table_find(const struct key_table *table, const char *key) {
  if (table->count == 0) return NULL;
  return slot_of(table, hash_text(key), key)->value;
}

size_t key_table_count(const struct key_table *table) {
  return table->count;
}
