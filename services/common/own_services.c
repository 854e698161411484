/* SPDX-License-Identifier: Apache-2.0 */
#include "own_services.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shop_brand.h"
#include "shop_services.h"

static bool is_of_the_shop(const char *name) {
  static const struct {
    const char *name;
    int port;
  } services[] = {SHOP_SERVICES};
  for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
    if (strcmp(services[i].name, name) == 0) return true;
  }
  return false;
}

/* "note" of "ORDERSHOP_NOTE_ADDRESS=..."; NULL means another variable, an empty one, or a service of the shop. */
static const char *service_of(struct arena *arena, const char *entry) {
  static const char suffix[] = "_ADDRESS=";
  const char *prefix = shop_brand.environment_prefix;
  const char *name = entry + strlen(prefix), *end = strstr(entry, suffix);
  if (strncmp(entry, prefix, strlen(prefix)) != 0 || !end || end <= name || !end[strlen(suffix)]) return NULL;
  char *service = arena_memdup(arena, name, (size_t)(end - name));
  for (char *at = service; *at; at++) {
    if (!isupper((unsigned char)*at) && !isdigit((unsigned char)*at)) return NULL;
    *at = (char)tolower((unsigned char)*at);
  }
  return is_of_the_shop(service) ? NULL : service;
}

static int compare_names(const void *left, const void *right) {
  return strcmp(((const struct own_service *)left)->name, ((const struct own_service *)right)->name);
}

const struct own_service *own_services(struct arena *arena, size_t *ret_count) {
  size_t entries = 0, count = 0;
  while (environ[entries]) entries++;
  struct own_service *own = arena_calloc(arena, entries + 1, sizeof *own);
  for (size_t i = 0; i < entries; i++) {
    const char *name = service_of(arena, environ[i]);
    if (name) own[count++] = (struct own_service){.name = name, .address = strchr(environ[i], '=') + 1};
  }
  qsort(own, count, sizeof *own, compare_names);
  *ret_count = count;
  return own;
}
