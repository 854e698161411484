/* SPDX-License-Identifier: Apache-2.0 */
#include "mail_taken.h"

#include <string.h>

#include "base/memory.h"

enum { GENERATION = 4096, SLOTS = 2 * GENERATION };

/* Returns where the id is, or where it would be put. At least every second slot is free, so there is one. */
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
  struct mail_generation *younger = &taken->generations[taken->younger];
  if (younger->count == GENERATION) {
    taken->younger = 1 - taken->younger;
    younger = &taken->generations[taken->younger];
    begin(younger);
  }
  if (!younger->slots) begin(younger);
  unsigned char *slot = slot_of(younger, id);
  if (uuid_is_null(slot)) younger->count++;
  uuid_copy(slot, id);
}

static bool has(const struct mail_generation *generation, const uuid_t id) {
  return generation->slots && !uuid_is_null(slot_of(generation, id));
}

bool mail_taken_has(const struct mail_taken *taken, const char *mail_id) {
  uuid_t id;
  if (uuid_parse(mail_id, id) != 0) return false;
  return has(&taken->generations[0], id) || has(&taken->generations[1], id);
}
