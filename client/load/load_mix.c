/* SPDX-License-Identifier: Apache-2.0 */
#include "client/load/load_mix.h"

#include <stdlib.h>
#include <string.h>

#include "base/similar.h"

static struct status refuse(struct arena *arena, const char *part, const char *what) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_usage, "--mix: \"%s\" %s", part, what);
}

static struct status refuse_name(struct arena *arena, const char *name) {
  const char *names[LOAD_MIX_MAX + 1] = {NULL};
  for (size_t i = 0; load_commands_all[i].method; i++) names[i] = load_commands_all[i].method;
  const char *similar = similar_word(arena, name, names);
  if (similar) return refuse(arena, name, arena_printf(arena, "is no command; did you mean %s?", similar));
  return refuse(arena, name, "is no command of the shop, such as CreateOrder or GetCustomer");
}

static struct status add(struct arena *arena, struct load_mix *mix, char *part) {
  char *equals = strchr(part, '=');
  if (equals) *equals = '\0';
  const struct load_command *command = load_command_find(part);
  if (!command) return refuse_name(arena, part);
  for (size_t i = 0; i < mix->count; i++) {
    if (mix->shares[i].command == command) return refuse(arena, part, "is there twice");
  }
  long weight = 1;
  if (equals) {
    char *end;
    weight = strtol(equals + 1, &end, 10);
    if (end == equals + 1 || *end != '\0' || weight < 1 || weight > LOAD_WEIGHT_MAX) {
      return refuse(arena, equals + 1,
                    arena_printf(arena, "(the weight of %s) is not a number from 1 to 1000000", part));
    }
  }
  mix->shares[mix->count++] = (struct load_share){.command = command, .weight = (int)weight};
  mix->total += weight;
  return status_ok();
}

struct status load_mix_parse(struct arena *arena, const char *text, struct load_mix *ret_mix) {
  struct load_mix mix = {.count = 0};
  for (const char *at = text;; at++) {
    size_t length = strcspn(at, ",");
    struct status status = add(arena, &mix, arena_memdup(arena, at, length));
    if (!status_is_ok(status)) return status;
    at += length;
    if (*at == '\0') break;
  }
  *ret_mix = mix;
  return status_ok();
}

size_t load_mix_pick(const struct load_mix *mix, uint64_t random) {
  int64_t point = (int64_t)(random % (uint64_t)mix->total);
  size_t i = 0;
  for (; point >= mix->shares[i].weight; i++) point -= mix->shares[i].weight;
  return i;
}
