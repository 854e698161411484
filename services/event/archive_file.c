/* SPDX-License-Identifier: Apache-2.0 */
#include "archive_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "shop_reasons.h"

#define VERSION "1"

/* Until it is sealed the file is of no use to anybody: a journal would protect nothing. */
static const char tables[] =
    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA user_version = " VERSION
    "; BEGIN;"
    "CREATE TABLE segment (log TEXT NOT NULL, epoch TEXT NOT NULL, after INTEGER NOT NULL, until INTEGER NOT NULL,"
    " written INTEGER NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL);"
    "CREATE TABLE stream (name TEXT PRIMARY KEY, entries INTEGER NOT NULL, last INTEGER NOT NULL);"
    "CREATE TABLE block (stream TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, entries INTEGER NOT NULL,"
    " data BLOB NOT NULL, PRIMARY KEY (stream, first));";

struct archive_file {
  char *path;
  sqlite3 *database;
};

/* ---- errors ----------------------------------------------------------------------------------------------------- */

static bool is_damage(int code) {
  int primary = code & 0xff;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR;
}

static struct status failure(const struct archive_file *file, struct arena *arena) {
  int code = sqlite3_extended_errcode(file->database);
  bool damaged = is_damage(code);
  return status_error(arena, damaged ? STATUS_DATA_LOSS : STATUS_UNAVAILABLE,
                      damaged ? reason_archive_damaged : reason_archive_unavailable, "the archive's file %s: %s",
                      file->path, sqlite3_errmsg(file->database));
}

static struct status unavailable(const struct archive_file *file, struct arena *arena) {
  return status_error(arena, STATUS_UNAVAILABLE, reason_archive_unavailable, "the archive's file %s: %s", file->path,
                      strerror(errno));
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static struct archive_file *file_new(const char *path) {
  struct archive_file *file = memory_calloc(1, sizeof *file);
  file->path = memory_alloc(strlen(path) + 1);
  strcpy(file->path, path);
  return file;
}

static struct status open_database(struct archive_file *file, struct arena *arena, int flags) {
  int opened = sqlite3_open_v2(file->path, &file->database, flags | SQLITE_OPEN_NOMUTEX, NULL);
  return opened == SQLITE_OK ? status_ok() : failure(file, arena);
}

/* Hands the file over, or closes it after an error. */
static struct status hand_over(struct archive_file *file, struct status status, struct archive_file **ret_file) {
  if (status_is_ok(status)) {
    *ret_file = file;
  } else {
    archive_file_close(file);
  }
  return status;
}

void archive_file_close(struct archive_file *file) {
  if (!file) return;
  sqlite3_close(file->database);
  free(file->path);
  free(file);
}

static struct status prepare(const struct archive_file *file, struct arena *arena, const char *sql,
                             sqlite3_stmt **ret_statement) {
  *ret_statement = NULL;
  bool prepared = sqlite3_prepare_v2(file->database, sql, -1, ret_statement, NULL) == SQLITE_OK;
  return prepared ? status_ok() : failure(file, arena);
}

/* Ends a statement and returns what became of it, after sqlite3_step's last answer. */
static struct status finish(const struct archive_file *file, struct arena *arena, sqlite3_stmt *statement,
                            int stepped) {
  struct status status = stepped == SQLITE_DONE || stepped == SQLITE_ROW ? status_ok() : failure(file, arena);
  sqlite3_finalize(statement);
  return status;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void bind_text(sqlite3_stmt *statement, int number, const char *text) {
  sqlite3_bind_text(statement, number, text, -1, SQLITE_STATIC);
}

static struct status add_segment(const struct archive_file *file, struct arena *arena,
                                 const struct archive_segment *segment) {
  sqlite3_stmt *insert;
  struct status status = prepare(file, arena, "INSERT INTO segment VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", &insert);
  if (!status_is_ok(status)) return status;
  bind_text(insert, 1, segment->log);
  bind_text(insert, 2, segment->epoch);
  sqlite3_bind_int64(insert, 3, segment->after);
  sqlite3_bind_int64(insert, 4, segment->until);
  sqlite3_bind_int64(insert, 5, clock_wall_us());
  bind_text(insert, 6, segment->by);
  bind_text(insert, 7, segment->reason);
  return finish(file, arena, insert, sqlite3_step(insert));
}

struct status archive_file_create(struct arena *arena, const char *path, const struct archive_segment *segment,
                                  struct archive_file **ret_file) {
  struct archive_file *file = file_new(path);
  unlink(path);
  struct status status = open_database(file, arena, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (status_is_ok(status) && sqlite3_exec(file->database, tables, NULL, NULL, NULL) != SQLITE_OK) {
    status = failure(file, arena);
  }
  if (status_is_ok(status)) status = add_segment(file, arena, segment);
  return hand_over(file, status, ret_file);
}

struct status archive_file_add_block(struct archive_file *file, struct arena *arena,
                                     const struct archive_block *block) {
  sqlite3_stmt *insert;
  struct status status = prepare(file, arena, "INSERT INTO block VALUES (?1, ?2, ?3, ?4, ?5)", &insert);
  if (!status_is_ok(status)) return status;
  bind_text(insert, 1, block->stream);
  sqlite3_bind_int64(insert, 2, block->first);
  sqlite3_bind_int64(insert, 3, block->last);
  sqlite3_bind_int64(insert, 4, (sqlite3_int64)block->entries);
  sqlite3_bind_blob64(insert, 5, block->bytes, block->size, SQLITE_STATIC);
  return finish(file, arena, insert, sqlite3_step(insert));
}

struct status archive_file_add_stream(struct archive_file *file, struct arena *arena,
                                      const struct archive_stream *stream) {
  sqlite3_stmt *insert;
  struct status status = prepare(file, arena, "INSERT INTO stream VALUES (?1, ?2, ?3)", &insert);
  if (!status_is_ok(status)) return status;
  bind_text(insert, 1, stream->name);
  sqlite3_bind_int64(insert, 2, stream->entries);
  sqlite3_bind_int64(insert, 3, stream->last);
  return finish(file, arena, insert, sqlite3_step(insert));
}

struct status archive_file_seal(struct archive_file *file, struct arena *arena) {
  if (sqlite3_exec(file->database, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) return failure(file, arena);
  int descriptor = open(file->path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return unavailable(file, arena);
  struct status status = fsync(descriptor) == 0 ? status_ok() : unavailable(file, arena);
  close(descriptor);
  return status;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static struct status check_version(const struct archive_file *file, struct arena *arena) {
  sqlite3_stmt *read;
  struct status status = prepare(file, arena, "PRAGMA user_version", &read);
  if (!status_is_ok(status)) return status;
  int stepped = sqlite3_step(read), version = stepped == SQLITE_ROW ? sqlite3_column_int(read, 0) : 0;
  status = finish(file, arena, read, stepped);
  if (!status_is_ok(status) || version == atoi(VERSION)) return status;
  return status_error(arena, STATUS_DATA_LOSS, reason_archive_damaged,
                      "the archive's file %s is of version %d, not of version " VERSION, file->path, version);
}

struct status archive_file_open(struct arena *arena, const char *path, struct archive_file **ret_file) {
  struct archive_file *file = file_new(path);
  struct status status = open_database(file, arena, SQLITE_OPEN_READONLY);
  if (status_is_ok(status)) status = check_version(file, arena);
  return hand_over(file, status, ret_file);
}

struct status archive_file_streams(struct archive_file *file, struct arena *arena, struct archive_stream **ret_streams,
                                   size_t *ret_count) {
  sqlite3_stmt *read;
  struct status status =
      prepare(file, arena, "SELECT name, entries, last, (SELECT count(*) FROM stream) FROM stream", &read);
  if (!status_is_ok(status)) return status;
  struct archive_stream *streams = arena_calloc(arena, 1, sizeof *streams);
  size_t count = 0;
  int stepped;
  while ((stepped = sqlite3_step(read)) == SQLITE_ROW) {
    if (count == 0) streams = arena_calloc(arena, (size_t)sqlite3_column_int64(read, 3), sizeof *streams);
    streams[count++] = (struct archive_stream){
        .name = arena_strdup(arena, (const char *)sqlite3_column_text(read, 0)),
        .entries = sqlite3_column_int64(read, 1),
        .last = sqlite3_column_int64(read, 2),
    };
  }
  *ret_streams = streams;
  *ret_count = count;
  return finish(file, arena, read, stepped);
}

#define BLOCK_COLUMNS "stream, first, last, entries, data"

/* What points into the statement lives until its next step. */
static struct archive_block block_of(sqlite3_stmt *read) {
  return (struct archive_block){.stream = (const char *)sqlite3_column_text(read, 0),
                                .first = sqlite3_column_int64(read, 1),
                                .last = sqlite3_column_int64(read, 2),
                                .entries = (size_t)sqlite3_column_int64(read, 3),
                                .bytes = sqlite3_column_blob(read, 4),
                                .size = (size_t)sqlite3_column_bytes(read, 4)};
}

struct status archive_file_find(struct archive_file *file, struct arena *arena, const char *stream, int64_t log_time,
                                struct archive_block *ret_block) {
  sqlite3_stmt *read;
  struct status status = prepare(file, arena,
                                 "SELECT " BLOCK_COLUMNS
                                 " FROM block WHERE stream = ?1 AND first <= ?2"
                                 " ORDER BY first DESC LIMIT 1",
                                 &read);
  if (!status_is_ok(status)) return status;
  bind_text(read, 1, stream);
  sqlite3_bind_int64(read, 2, log_time);
  *ret_block = (struct archive_block){0};
  int stepped = sqlite3_step(read);
  if (stepped == SQLITE_ROW && block_of(read).last >= log_time) {
    *ret_block = block_of(read);
    ret_block->stream = arena_strdup(arena, ret_block->stream);
    ret_block->bytes = arena_memdup(arena, ret_block->bytes, ret_block->size);
  }
  return finish(file, arena, read, stepped);
}

struct status archive_file_each(struct archive_file *file, struct arena *arena,
                                struct status (*visit)(void *argument, const struct archive_block *block),
                                void *argument) {
  sqlite3_stmt *read;
  struct status status = prepare(file, arena, "SELECT " BLOCK_COLUMNS " FROM block", &read);
  if (!status_is_ok(status)) return status;
  int stepped;
  while ((stepped = sqlite3_step(read)) == SQLITE_ROW) {
    struct archive_block block = block_of(read);
    status = visit(argument, &block);
    if (!status_is_ok(status)) break;
  }
  struct status finished = finish(file, arena, read, stepped);
  return status_is_ok(status) ? finished : status;
}
