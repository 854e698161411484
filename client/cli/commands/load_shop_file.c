/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/commands/load_shop_file.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/uuid.h"

static const char *const names[LOAD_KINDS] = {"customers", "products", "inventories", "orders", "billings", "mails"};

static struct status refuse(struct arena *arena, const char *path, const char *what) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_usage, "--shop: %s: %s", path, what);
}

/* Before the run, after which it would be too late to say that the file can't be written. */
static struct status check_place(struct arena *arena, const char *path) {
  FILE *file = fopen(path, "we");
  if (!file) return refuse(arena, path, strerror(errno));
  fclose(file);
  unlink(path);
  return status_ok();
}

static bool add_ids(const json_t *list, struct load_ids *ids) {
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *id = json_string_value(json_array_get(list, i));
    if (!id || strlen(id) != LOAD_ID_BYTES || !uuid_is_valid(id)) return false;
    load_ids_add(ids, id, "");
  }
  return true;
}

struct status load_shop_file_read(struct arena *arena, const char *path, struct load_shop *shop) {
  if (access(path, F_OK) != 0) return check_place(arena, path);
  json_error_t error;
  json_t *whole = json_load_file(path, 0, &error);
  if (!whole) return refuse(arena, path, arena_strdup(arena, error.text));
  bool fits = json_is_object(whole);
  for (int kind = 0; kind < LOAD_KINDS && fits; kind++)
    fits = add_ids(json_object_get(whole, names[kind]), &shop->any[kind]);
  json_decref(whole);
  return fits ? status_ok() : refuse(arena, path, "is not a file that --shop has written");
}

struct status load_shop_file_write(struct arena *arena, const char *path, const struct load_shop *shop) {
  json_t *whole = json_object();
  for (int kind = 0; kind < LOAD_KINDS; kind++) {
    const struct load_ids *ids = &shop->any[kind];
    json_t *list = json_array();
    for (size_t i = ids->first; i < ids->count; i++)
      json_array_append_new(list, json_stringn(ids->ids[i].id, LOAD_ID_BYTES));
    json_object_set_new(whole, names[kind], list);
  }
  int failed = json_dump_file(whole, path, JSON_INDENT(1));
  json_decref(whole);
  return failed ? refuse(arena, path, strerror(errno)) : status_ok();
}
