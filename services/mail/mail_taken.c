/* SPDX-License-Identifier: Apache-2.0 */
#include "mail_taken.h"

#include <string.h>

#include "base/memory.h"

enum { GENERATION = 2048, SLOTS = GENERATION * 3 / 2 };

/* Returns where the id is, or where it would be put. At least every third slot is free, so there is one. */
static unsigned char *slot_of(const struct mail_generation *generation, const uuid_t id) {
  size_t at;
  memcpy(&at, id, sizeof at);
  while (true) {
    unsigned char *slot = generation->slots[at++ % SLOTS];
    if (uuid_is_null(slot) || uuid_compare(slot, id) == 0) return slot;
  }
}

static void begin(struct mail_generation *generation) {
  if (generation->slots) {
    memset(generation->slots, 0, SLOTS * sizeof(uuid_t));
  } else {
    generation->slots = memory_calloc(SLOTS, sizeof(uuid_t));
  }
  generation->count = 0;
}

void mail_taken_note(struct mail_taken *taken, const char *mail_id) {
  uuid_t id;
  if (uuid_parse(mail_id, id) != 0) return;
  struct mail_generation *youngest = &taken->generations[taken->youngest];
  if (youngest->count == GENERATION) {
    taken->youngest = (taken->youngest + 1) % MAIL_GENERATIONS;
    youngest = &taken->generations[taken->youngest];
    begin(youngest);
  }
  if (!youngest->slots) begin(youngest);
  unsigned char *slot = slot_of(youngest, id);
  if (uuid_is_null(slot)) youngest->count++;
  uuid_copy(slot, id);
}

static bool has(const struct mail_generation *generation, const uuid_t id) {
  return generation->slots && !uuid_is_null(slot_of(generation, id));
}

bool mail_taken_has(const struct mail_taken *taken, const char *mail_id) {
  uuid_t id;
  if (uuid_parse(mail_id, id) != 0) return false;
  for (int i = 0; i < MAIL_GENERATIONS; i++) {
    if (has(&taken->generations[i], id)) return true;
  }
  return false;
}
