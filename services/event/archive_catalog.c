/* SPDX-License-Identifier: Apache-2.0 */
#include "archive_catalog.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archive_file.h"
#include "base/memory.h"
#include "shop_reasons.h"
#include "store/log_time.h"

static const char suffix[] = ".sqlite", shop[] = "shop";

struct last_entry {
  const char *log, *stream;
  int64_t last;
};

struct archive_catalog {
  struct arena *arena;
  struct archive_part *parts; /* by log, then in the order of log time */
  size_t count;
  struct last_entry *lasts;
  size_t last_count;
};

void archive_catalog_free(struct archive_catalog *catalog) {
  if (catalog) arena_free(catalog->arena);
  free(catalog);
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

const char *archive_part_name(struct arena *arena, const char *log, int64_t after, int64_t until) {
  const char *from = after > 0 ? log_time_text(arena, after) : "0-0";
  return arena_printf(arena, "%s_%s_%s%s", *log ? log : shop, from, log_time_text(arena, until), suffix);
}

/* Cuts the text at its last underscore; returns what comes behind it, or NULL if there is none. */
static const char *cut_last(char *text) {
  char *at = strrchr(text, '_');
  if (!at) return NULL;
  *at = '\0';
  return at + 1;
}

static bool parse_name(struct arena *arena, const char *name, struct archive_part *ret_part) {
  size_t length = strlen(name), end = sizeof suffix - 1;
  if (length <= end || strcmp(name + length - end, suffix) != 0) return false;
  char *log = arena_memdup(arena, name, length - end);
  const char *until = cut_last(log), *after = until ? cut_last(log) : NULL;
  if (!after || !log_time_parse(until, &ret_part->until) || !log_time_parse(after, &ret_part->after)) return false;
  ret_part->name = arena_strdup(arena, name);
  ret_part->log = strcmp(log, shop) == 0 ? "" : log;
  return true;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static void add_part(struct archive_catalog *catalog, const struct archive_part *part) {
  if ((catalog->count & (catalog->count - 1)) == 0) { /* full: it has room for a power of two */
    struct archive_part *more = arena_calloc(catalog->arena, 2 * catalog->count + 1, sizeof *more);
    if (catalog->count > 0) memcpy(more, catalog->parts, catalog->count * sizeof *more);
    catalog->parts = more;
  }
  catalog->parts[catalog->count++] = *part;
}

static struct status list_parts(struct archive_catalog *catalog, struct arena *arena, const char *folder) {
  DIR *open = opendir(folder);
  if (!open) {
    return status_error(arena, STATUS_UNAVAILABLE, reason_archive_unavailable, "can't read the archive in %s: %s",
                        folder, strerror(errno));
  }
  const struct dirent *file;
  while ((file = readdir(open))) {
    struct archive_part part;
    if (parse_name(catalog->arena, file->d_name, &part)) add_part(catalog, &part);
  }
  closedir(open);
  return status_ok();
}

static int by_place(const void *left, const void *right) {
  const struct archive_part *one = left, *other = right;
  int order = strcmp(one->log, other->log);
  return order != 0 ? order : one->after < other->after ? -1 : one->after > other->after;
}

static struct status check_whole(const struct archive_catalog *catalog, struct arena *arena, const char *folder) {
  int64_t until = 0;
  for (size_t i = 0; i < catalog->count; i++) {
    const struct archive_part *part = &catalog->parts[i];
    if (i > 0 && strcmp(part->log, catalog->parts[i - 1].log) != 0) until = 0;
    if (part->after != until) {
      return status_error(arena, STATUS_DATA_LOSS, reason_archive_damaged,
                          "the archive in %s lacks the file that is between %s and %s", folder,
                          until > 0 ? log_time_text(arena, until) : "its beginning", part->name);
    }
    until = part->until;
  }
  return status_ok();
}

static bool is_last_of_log(const struct archive_catalog *catalog, size_t number) {
  return number + 1 == catalog->count || strcmp(catalog->parts[number].log, catalog->parts[number + 1].log) != 0;
}

static void add_lasts(struct archive_catalog *catalog, const char *log, const struct archive_stream *streams,
                      size_t count) {
  struct last_entry *lasts = arena_calloc(catalog->arena, catalog->last_count + count + 1, sizeof *lasts);
  if (catalog->last_count > 0) memcpy(lasts, catalog->lasts, catalog->last_count * sizeof *lasts);
  catalog->lasts = lasts;
  for (size_t i = 0; i < count; i++) {
    lasts[catalog->last_count++] = (struct last_entry){.log = log, .stream = streams[i].name, .last = streams[i].last};
  }
}

/* The newest file of a log tells of all its streams. */
static struct status read_lasts(struct archive_catalog *catalog, struct arena *arena, const char *folder) {
  struct status status = status_ok();
  for (size_t i = 0; i < catalog->count && status_is_ok(status); i++) {
    if (!is_last_of_log(catalog, i)) continue;
    struct archive_file *file;
    struct archive_stream *streams;
    size_t count;
    status = archive_file_open(arena, arena_printf(arena, "%s/%s", folder, catalog->parts[i].name), &file);
    if (!status_is_ok(status)) return status;
    status = archive_file_streams(file, catalog->arena, &streams, &count);
    if (status_is_ok(status)) add_lasts(catalog, catalog->parts[i].log, streams, count);
    archive_file_close(file);
  }
  return status_is_ok(status) ? status : status_copy(status, arena);
}

struct status archive_catalog_read(struct arena *arena, const char *folder, struct archive_catalog **ret_catalog) {
  struct archive_catalog *catalog = memory_calloc(1, sizeof *catalog);
  catalog->arena = arena_new();
  struct status status = *folder ? list_parts(catalog, arena, folder) : status_ok();
  if (catalog->count > 0) qsort(catalog->parts, catalog->count, sizeof *catalog->parts, by_place);
  if (status_is_ok(status)) status = check_whole(catalog, arena, folder);
  if (status_is_ok(status)) status = read_lasts(catalog, arena, folder);
  if (status_is_ok(status)) {
    *ret_catalog = catalog;
  } else {
    archive_catalog_free(catalog);
  }
  return status;
}

/* ---- what there is ---------------------------------------------------------------------------------------------- */

int64_t archive_catalog_until(const struct archive_catalog *catalog, const char *log) {
  int64_t until = 0;
  for (size_t i = 0; i < catalog->count; i++) {
    if (strcmp(catalog->parts[i].log, log) == 0) until = catalog->parts[i].until;
  }
  return until;
}

int64_t archive_catalog_last(const struct archive_catalog *catalog, const char *log, const char *stream) {
  for (size_t i = 0; i < catalog->last_count; i++) {
    const struct last_entry *last = &catalog->lasts[i];
    if (strcmp(last->stream, stream) == 0 && strcmp(last->log, log) == 0) return last->last;
  }
  return 0;
}

const char *archive_catalog_stream(const struct archive_catalog *catalog, const char *log, size_t number) {
  for (size_t i = 0; i < catalog->last_count; i++) {
    if (strcmp(catalog->lasts[i].log, log) == 0 && number-- == 0) return catalog->lasts[i].stream;
  }
  return NULL;
}

const struct archive_part *archive_catalog_behind(const struct archive_catalog *catalog, const char *log,
                                                  int64_t after) {
  for (size_t i = 0; i < catalog->count; i++) {
    const struct archive_part *part = &catalog->parts[i];
    if (strcmp(part->log, log) == 0 && part->until > after) return part;
  }
  return NULL;
}
