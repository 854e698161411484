/* SPDX-License-Identifier: Apache-2.0 */
#include "client/load/load_shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void make_room(struct load_ids *ids) {
  if (ids->first > 0 && ids->first >= ids->count / 2) {
    ids->count -= ids->first;
    memmove(ids->ids, ids->ids + ids->first, ids->count * sizeof(*ids->ids));
    ids->first = 0;
  }
  if (ids->count < ids->capacity) return;
  ids->capacity = ids->capacity ? 2 * ids->capacity : 128;
  ids->ids = memory_realloc(ids->ids, ids->capacity * sizeof(*ids->ids));
}

void load_ids_add(struct load_ids *ids, const char *id, const char *position) {
  if (ids->count == ids->capacity) make_room(ids);
  struct load_id *added = &ids->ids[ids->count++];
  memcpy(added->id, id, LOAD_ID_BYTES);
  snprintf(added->position, sizeof(added->position), "%s", position);
}

struct load_id load_ids_take(struct load_ids *ids) {
  return ids->ids[ids->first++];
}

const struct load_id *load_ids_pick(const struct load_ids *ids, struct load_random *random) {
  return &ids->ids[ids->first + load_random_next(random) % (ids->count - ids->first)];
}

void load_shop_clear(struct load_shop *shop) {
  for (int kind = 0; kind < LOAD_KINDS; kind++) {
    free(shop->any[kind].ids);
    free(shop->own[kind].ids);
  }
  *shop = (struct load_shop){.keeps = {false}};
}
