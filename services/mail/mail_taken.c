/* SPDX-License-Identifier: Apache-2.0 */
#include "mail_taken.h"

enum { GENERATION = 4096 };

static void begin(struct mail_generation *generation) {
  arena_free(generation->arena);
  generation->arena = arena_new();
  generation->ids = key_table_new(generation->arena);
}

void mail_taken_note(struct mail_taken *taken, const char *mail_id) {
  struct mail_generation *younger = &taken->generations[taken->younger];
  if (younger->ids && key_table_count(younger->ids) == GENERATION) {
    taken->younger = 1 - taken->younger;
    younger = &taken->generations[taken->younger];
    begin(younger);
  }
  if (!younger->ids) begin(younger);
  *key_table_at(younger->ids, mail_id) = taken;
}

static bool has(const struct mail_generation *generation, const char *mail_id) {
  return generation->ids && key_table_find(generation->ids, mail_id);
}

bool mail_taken_has(const struct mail_taken *taken, const char *mail_id) {
  return has(&taken->generations[0], mail_id) || has(&taken->generations[1], mail_id);
}
