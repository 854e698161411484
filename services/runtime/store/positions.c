/* SPDX-License-Identifier: Apache-2.0 */
#include "store/positions.h"

#include <string.h>

enum { PART_SIZE = LOG_NAME_SIZE + LOG_EPOCH_SIZE + 16 }; /* of a part's text: name, epoch, log time in hex */

static const char log_name_characters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

static struct log_position *part_of(struct positions *positions, const char *log) {
  for (size_t i = 0; i < positions->count; i++) {
    if (strcmp(positions->parts[i].log, log) == 0) return &positions->parts[i];
  }
  return NULL;
}

/* Reads a part of `size` characters. */
static bool parse_part(const char *text, size_t size, struct log_position *ret_part) {
  char part[PART_SIZE];
  if (size >= sizeof part) return false;
  memcpy(part, text, size);
  part[size] = '\0';
  char *colon = strchr(part, ':');
  size_t name_size = colon ? (size_t)(colon - part) : 0;
  bool named = name_size > 0 && name_size < LOG_NAME_SIZE && strspn(part, log_name_characters) == name_size;
  if (colon && !named) return false;
  memcpy(ret_part->log, part, name_size);
  ret_part->log[name_size] = '\0';
  return position_parse(colon ? colon + 1 : part, &ret_part->position);
}

bool positions_parse(const char *text, struct positions *ret_positions) {
  ret_positions->count = 0;
  while (ret_positions->count < POSITIONS_MAX) {
    size_t size = strcspn(text, ",");
    struct log_position *part = &ret_positions->parts[ret_positions->count];
    if (!parse_part(text, size, part) || part_of(ret_positions, part->log)) return false;
    ret_positions->count++;
    if (!text[size]) return true;
    text += size + 1;
  }
  return false;
}

const char *positions_text(struct arena *arena, const struct positions *positions) {
  const char *text = "";
  for (size_t i = 0; i < positions->count; i++) {
    const struct log_position *part = &positions->parts[i];
    text = arena_printf(arena, "%s%s%s%s%s", text, i > 0 ? "," : "", part->log, *part->log ? ":" : "",
                        position_text(arena, &part->position));
  }
  return text;
}

const struct position *positions_of(const struct positions *positions, const char *log) {
  for (size_t i = 0; i < positions->count; i++) {
    if (strcmp(positions->parts[i].log, log) == 0) return &positions->parts[i].position;
  }
  return NULL;
}

void positions_advance(struct positions *positions, const char *log, const struct position *position) {
  struct log_position *part = part_of(positions, log);
  if (!part && (positions->count == POSITIONS_MAX || strlen(log) >= LOG_NAME_SIZE)) return;
  if (!part) {
    part = &positions->parts[positions->count++];
    *part = (struct log_position){.position.log_time = 0};
    strcpy(part->log, log);
  }
  bool same_log = strcmp(part->position.epoch, position->epoch) == 0;
  if (!same_log || position->log_time > part->position.log_time) part->position = *position;
}

void positions_advance_all(struct positions *positions, const struct positions *others) {
  for (size_t i = 0; i < others->count; i++) {
    positions_advance(positions, others->parts[i].log, &others->parts[i].position);
  }
}

const char *positions_text_with(struct arena *arena, const char *after, const char *log,
                                const struct position *position) {
  struct positions positions;
  if (!after || !positions_parse(after, &positions)) positions.count = 0;
  positions_advance(&positions, log, position);
  return positions_text(arena, &positions);
}

int64_t positions_latest_besides(const struct positions *positions, const char *log) {
  int64_t latest = 0;
  for (size_t i = 0; i < positions->count; i++) {
    const struct log_position *part = &positions->parts[i];
    if (strcmp(part->log, log) != 0 && part->position.log_time > latest) latest = part->position.log_time;
  }
  return latest;
}
