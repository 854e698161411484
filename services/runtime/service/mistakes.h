/* SPDX-License-Identifier: Apache-2.0 */
/* Mistakes: what is wrong in a service's definition, gathered to be told at once; for definition_check.c and
 * method_check.c. Any thread, one at a time. */
#pragma once

#include <stdbool.h>

#include "service/service.h"

struct mistakes {
  struct arena *arena;
  const struct service_definition *definition;
  const char *lines; /* each begins with a line break */
  size_t count;
  struct key_table *names; /* what must not come twice, by its kind and name */
};

struct mistakes mistakes_of(struct arena *arena, const struct service_definition *definition);

/* Adds a mistake; `where` is its place, for people. */
void mistake(struct mistakes *mistakes, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Returns OK without mistakes, otherwise INVALID_ARGUMENT DEFINITION_INVALID, which names them all. */
struct status mistakes_status(const struct mistakes *mistakes);

/* Returns false if there was one of the kind with that name before. */
bool mistakes_is_first(struct mistakes *mistakes, const char *kind, const char *name);

/* Adds a mistake if table and count do not fit together. Returns false if there is nothing to look at. */
bool mistakes_check_table(struct mistakes *mistakes, const char *where, const void *table, size_t count);

/* Returns whether it can be a part of keys, variables and users' names, as customer or gift_card can. */
bool mistakes_is_name(const char *name);

/* Returns the name for a message: "NULL" for NULL. */
const char *mistakes_shown(const char *name);
