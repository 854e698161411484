/* SPDX-License-Identifier: Apache-2.0 */
#include "service/mistakes.h"

#include <stdio.h>
#include <string.h>

#include "base/key_table.h"

struct mistakes mistakes_of(struct arena *arena, const struct service_definition *definition) {
  return (struct mistakes){.arena = arena, .definition = definition, .lines = "", .names = key_table_new(arena)};
}

void mistake(struct mistakes *mistakes, const char *where, const char *format, ...) {
  char text[512];
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  mistakes->lines = arena_printf(mistakes->arena, "%s\n  %s: %s", mistakes->lines, where, text);
  mistakes->count++;
}

bool mistakes_is_name(const char *name) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
  return name && *name >= 'a' && *name <= 'z' && !name[strspn(name, allowed)];
}

const char *mistakes_shown(const char *name) {
  return name ? name : "NULL";
}

bool mistakes_is_first(struct mistakes *mistakes, const char *kind, const char *name) {
  void **place = key_table_at(mistakes->names, arena_printf(mistakes->arena, "%s %s", kind, name));
  if (*place) return false;
  *place = mistakes;
  return true;
}

bool mistakes_check_table(struct mistakes *mistakes, const char *where, const void *table, size_t count) {
  if (table && count == 0) mistake(mistakes, where, "there is a table, but its count is 0");
  if (!table && count > 0) mistake(mistakes, where, "the count is %zu, but there is no table", count);
  return table && count > 0;
}

struct status mistakes_status(const struct mistakes *mistakes) {
  if (mistakes->count == 0) return status_ok();
  return status_error(mistakes->arena, STATUS_INVALID_ARGUMENT, reason_definition_invalid,
                      "the service's definition has %zu mistake%s:%s", mistakes->count, mistakes->count == 1 ? "" : "s",
                      mistakes->lines);
}
