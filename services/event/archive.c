/* SPDX-License-Identifier: Apache-2.0 */
#include "archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "archive_block.h"
#include "archive_catalog.h"
#include "base/folder.h"
#include "base/memory.h"
#include "shop_reasons.h"
#include "store/log_time.h"

struct archive {
  const char *folder;    /* "" if none is kept */
  const char *given_up;  /* id of an entry; "" if nothing is */
  pthread_mutex_t mutex; /* of the catalog */
  struct archive_catalog *catalog;
  int lock; /* descriptor while it is the writer; else -1 */
};

/* ---- life ------------------------------------------------------------------------------------------------------- */

static struct status unavailable(const struct archive *archive, struct arena *arena, const char *what) {
  return status_error(arena, STATUS_UNAVAILABLE, reason_archive_unavailable, "can't %s the archive in %s: %s", what,
                      archive->folder, strerror(errno));
}

/* Looks into the folder anew. */
static struct status look(struct archive *archive, struct arena *arena) {
  struct archive_catalog *catalog;
  struct status status = archive_catalog_read(arena, archive->folder, &catalog);
  if (!status_is_ok(status)) return status;
  pthread_mutex_lock(&archive->mutex);
  struct archive_catalog *before = archive->catalog;
  archive->catalog = catalog;
  pthread_mutex_unlock(&archive->mutex);
  archive_catalog_free(before);
  return status;
}

struct status archive_open(struct arena *arena, const char *folder, struct archive **ret_archive) {
  if (*folder && !folder_make(folder)) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_archive_unavailable,
                        "ORDERSHOP_ARCHIVE_FOLDER: can't keep the archive of events in %s: %s", folder,
                        strerror(errno));
  }
  struct archive *archive = memory_calloc(1, sizeof *archive);
  char *name = memory_alloc(strlen(folder) + 1);
  archive->folder = strcpy(name, folder);
  archive->given_up = "";
  archive->lock = -1;
  pthread_mutex_init(&archive->mutex, NULL);
  struct status status = look(archive, arena);
  if (status_is_ok(status)) {
    *ret_archive = archive;
  } else {
    archive_close(archive);
  }
  return status;
}

struct status archive_refresh(struct archive *archive, struct arena *arena) {
  return look(archive, arena);
}

void archive_close(struct archive *archive) {
  archive_unlock(archive);
  archive_catalog_free(archive->catalog);
  pthread_mutex_destroy(&archive->mutex);
  free((char *)archive->folder);
  free(archive);
}

bool archive_is_kept(const struct archive *archive) {
  return *archive->folder;
}

void archive_give_up(struct archive *archive, const char *until) {
  archive->given_up = until;
}

const char *archive_given_up(const struct archive *archive) {
  return archive->given_up;
}

/* ---- what there is ---------------------------------------------------------------------------------------------- */

int64_t archive_until(struct archive *archive, const char *log) {
  pthread_mutex_lock(&archive->mutex);
  int64_t until = archive_catalog_until(archive->catalog, log);
  pthread_mutex_unlock(&archive->mutex);
  return until;
}

int64_t archive_last(struct archive *archive, const char *log, const char *stream) {
  pthread_mutex_lock(&archive->mutex);
  int64_t last = archive_catalog_last(archive->catalog, log, stream);
  pthread_mutex_unlock(&archive->mutex);
  return last;
}

const char *archive_stream_name(struct archive *archive, struct arena *arena, const char *log, size_t number) {
  pthread_mutex_lock(&archive->mutex);
  const char *name = arena_strdup(arena, archive_catalog_stream(archive->catalog, log, number));
  pthread_mutex_unlock(&archive->mutex);
  return name;
}

/* Returns the path of the file that would have what follows `after` of the log, in the arena; NULL if there is none. */
static const char *path_behind(struct archive *archive, struct arena *arena, const char *log, int64_t after,
                               int64_t *ret_until) {
  pthread_mutex_lock(&archive->mutex);
  const struct archive_part *part = archive_catalog_behind(archive->catalog, log, after);
  const char *path = part ? arena_printf(arena, "%s/%s", archive->folder, part->name) : NULL;
  if (part && ret_until) *ret_until = part->until;
  pthread_mutex_unlock(&archive->mutex);
  return path;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* A block that was read for one place may have others, too. */
struct held_block {
  const char *path, *stream;
  int64_t first, last;
  const Ordershop__V1__ArchiveBlock *block;
  struct held_block *next;
};

struct reading {
  struct arena *arena; /* of what is read */
  struct archive_file *file;
  const char *path; /* of the file; NULL if there is none */
  struct held_block *held;
};

static struct status damaged(struct arena *arena, const char *path, const char *stream) {
  return status_error(arena, STATUS_DATA_LOSS, reason_archive_damaged,
                      "the archive's file %s: a block of the stream %s is damaged", path, stream);
}

static const struct held_block *find_held(const struct reading *reading, const char *path,
                                          const struct archive_place *place) {
  for (const struct held_block *held = reading->held; held; held = held->next) {
    bool is_it = strcmp(held->stream, place->stream) == 0 && strcmp(held->path, path) == 0;
    if (is_it && held->first <= place->log_time && place->log_time <= held->last) return held;
  }
  return NULL;
}

static struct status open_path(struct reading *reading, struct arena *arena, const char *path) {
  if (reading->path && strcmp(reading->path, path) == 0) return status_ok();
  archive_file_close(reading->file);
  reading->file = NULL;
  reading->path = NULL;
  struct status status = archive_file_open(arena, path, &reading->file);
  if (status_is_ok(status)) reading->path = path;
  return status;
}

/* *ret_held is NULL if the file has no such block. */
static struct status hold(struct reading *reading, struct arena *arena, const char *path,
                          const struct archive_place *place, const struct held_block **ret_held) {
  *ret_held = find_held(reading, path, place);
  if (*ret_held) return status_ok();
  struct archive_block block;
  struct status status = open_path(reading, arena, path);
  if (status_is_ok(status)) {
    status = archive_file_find(reading->file, reading->arena, place->stream, place->log_time, &block);
  }
  if (!status_is_ok(status)) return status_copy(status, arena);
  if (!block.bytes) return status_ok();
  struct held_block *held = arena_alloc(reading->arena, sizeof *held);
  *held = (struct held_block){
      .path = path, .stream = block.stream, .first = block.first, .last = block.last, .next = reading->held};
  held->block = archive_block_unpack(reading->arena, block.bytes, block.size);
  if (!held->block) return damaged(arena, path, place->stream);
  reading->held = held;
  *ret_held = held;
  return status;
}

static struct status read_place(struct archive *archive, struct reading *reading, struct arena *arena,
                                struct archive_place *place) {
  const struct held_block *held = NULL;
  const char *path = path_behind(archive, reading->arena, place->log, place->log_time - 1, NULL);
  struct status status = path ? hold(reading, arena, path, place, &held) : status_ok();
  for (size_t i = 0; held && i < held->block->n_entries; i++) {
    const Ordershop__V1__ArchiveEntry *entry = held->block->entries[i];
    if (log_time_of_entry(entry->id) == place->log_time) place->entry = archive_entry_reply(arena, entry);
  }
  return status;
}

/* Another process may have archived since the folder was looked into. */
static bool is_behind_all(struct archive *archive, const struct archive_place *places, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (places[i].log_time > archive_until(archive, places[i].log)) return true;
  }
  return false;
}

struct status archive_read(struct archive *archive, struct arena *arena, struct archive_place *places, size_t count) {
  if (!archive_is_kept(archive)) return status_ok();
  struct status status = is_behind_all(archive, places, count) ? look(archive, arena) : status_ok();
  struct reading reading = {.arena = arena_new()};
  for (size_t i = 0; i < count && status_is_ok(status); i++) {
    status = read_place(archive, &reading, arena, &places[i]);
  }
  archive_file_close(reading.file);
  arena_free(reading.arena);
  return status;
}

/* ---- reading all ------------------------------------------------------------------------------------------------ */

struct visiting {
  struct arena *arena;       /* of the caller */
  struct arena *block_arena; /* of a block */
  const char *path;
  struct status (*visit)(void *argument, const char *stream, const struct redis_reply *entry);
  void *argument;
};

static struct status visit_block(void *argument, const struct archive_block *packed) {
  const struct visiting *visiting = argument;
  struct arena *arena = visiting->block_arena;
  const Ordershop__V1__ArchiveBlock *block = archive_block_unpack(arena, packed->bytes, packed->size);
  if (!block || block->n_entries != packed->entries) return damaged(visiting->arena, visiting->path, packed->stream);
  struct status status = status_ok();
  for (size_t i = 0; i < block->n_entries && status_is_ok(status); i++) {
    status = visiting->visit(visiting->argument, packed->stream, archive_entry_reply(arena, block->entries[i]));
  }
  arena_reset(arena);
  return status;
}

struct status archive_each(struct archive *archive, struct arena *arena, const char *log, int64_t after,
                           struct status (*visit)(void *argument, const char *stream, const struct redis_reply *entry),
                           void *argument, int64_t *ret_until) {
  int64_t until = after;
  struct archive_file *file = NULL;
  const char *path = path_behind(archive, arena, log, after, &until);
  struct status status = path ? archive_file_open(arena, path, &file) : status_ok();
  if (file) {
    struct visiting visiting = {
        .arena = arena, .block_arena = arena_new(), .path = path, .visit = visit, .argument = argument};
    status = archive_file_each(file, arena, visit_block, &visiting);
    arena_free(visiting.block_arena);
    archive_file_close(file);
  }
  if (status_is_ok(status)) *ret_until = until;
  return status;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static struct status sync_folder(const struct archive *archive, struct arena *arena) {
  int folder = open(archive->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return unavailable(archive, arena, "sync");
  struct status status = fsync(folder) == 0 ? status_ok() : unavailable(archive, arena, "sync");
  close(folder);
  return status;
}

/* Whoever gave a file its name may have ended before the folder was synced; what that file has is trimmed next. */
struct status archive_lock(struct archive *archive, struct arena *arena) {
  const char *path = arena_printf(arena, "%s/lock", archive->folder);
  int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return unavailable(archive, arena, "lock");
  if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
    archive->lock = lock;
    struct status status = sync_folder(archive, arena);
    if (status_is_ok(status)) status = look(archive, arena);
    if (!status_is_ok(status)) archive_unlock(archive);
    return status;
  }
  struct status status = errno == EWOULDBLOCK
                             ? status_error(arena, STATUS_FAILED_PRECONDITION, reason_archive_under_way,
                                            "another process archives into %s", archive->folder)
                             : unavailable(archive, arena, "lock");
  close(lock);
  return status;
}

void archive_unlock(struct archive *archive) {
  if (archive->lock >= 0) close(archive->lock);
  archive->lock = -1;
}

const char *archive_next_path(const struct archive *archive, struct arena *arena) {
  return arena_printf(arena, "%s/next.unfinished", archive->folder);
}

struct status archive_add(struct archive *archive, struct arena *arena, const char *log, int64_t after, int64_t until) {
  const char *name = archive_part_name(arena, log, after, until);
  const char *path = arena_printf(arena, "%s/%s", archive->folder, name);
  if (rename(archive_next_path(archive, arena), path) != 0) return unavailable(archive, arena, "add to");
  struct status status = sync_folder(archive, arena);
  return status_is_ok(status) ? look(archive, arena) : status;
}
