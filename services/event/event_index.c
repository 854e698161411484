/* SPDX-License-Identifier: Apache-2.0 */
#include "event_index.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "shop_reasons.h"

/* The number changes with the tables: a file of another version is made anew. */
#define VERSION "3"

/* Ids are UUIDs: an index of all of them would be changed anywhere by every entry, and the longer the log, the more
 * pages a transaction would write. So the table `key` has them by periods of the log, and what is added changes only
 * the pages of the latest one. A period has the log times from its `first` up to the next one's; `size` is how many
 * rows were added to it, about. Of an id, `key` has a hash: the entry tells whether it is the one. */
static const char tables[] =
    "PRAGMA user_version = " VERSION
    ";"
    "CREATE TABLE log (name TEXT PRIMARY KEY, epoch TEXT NOT NULL, read_to INTEGER NOT NULL);"
    "CREATE TABLE stream (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE entry (log_time INTEGER NOT NULL, stream INTEGER NOT NULL, entity BLOB NOT NULL, event BLOB NOT NULL,"
    " cause BLOB, attempt BLOB, PRIMARY KEY (log_time, stream)) WITHOUT ROWID;"
    "CREATE INDEX entry_by_stream ON entry (stream, log_time);"
    "CREATE TABLE period (number INTEGER PRIMARY KEY, first INTEGER NOT NULL UNIQUE, size INTEGER NOT NULL);"
    "INSERT INTO period VALUES (0, 0, 0);"
    "CREATE TABLE key (period INTEGER NOT NULL, id INTEGER NOT NULL, log_time INTEGER NOT NULL,"
    " PRIMARY KEY (period, id, log_time)) WITHOUT ROWID;";

/* So many that a search for an id in a log of millions looks into some hundred periods. */
enum { PERIOD_ROWS = 16384 };

/* Synced at checkpoints alone: what a power cut takes is read again. Those are seldom, since a page of
 * the latest period is changed many times until then. One connection has the file for itself. */
static const char settings[] =
    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
    "PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 8192; PRAGMA temp_store = MEMORY; BEGIN EXCLUSIVE; "
    "COMMIT;";

/* What adds rows is prepared once. */
enum kept { BEGIN, INSERT_ENTRY, INSERT_KEY, LATEST_PERIOD, PERIOD_AT, BEGIN_PERIOD, GROW_PERIOD, MOVE, COMMIT, KEPT };

static const char *const kept_texts[KEPT] = {
    [BEGIN] = "BEGIN",
    [INSERT_ENTRY] = "INSERT OR IGNORE INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [INSERT_KEY] = "INSERT OR IGNORE INTO key VALUES (?1, ?2, ?3)",
    [LATEST_PERIOD] = "SELECT number, first, size FROM period ORDER BY number DESC LIMIT 1",
    [PERIOD_AT] = "SELECT number, first, size FROM period WHERE first <= ?1 ORDER BY first DESC LIMIT 1",
    [BEGIN_PERIOD] = "INSERT INTO period SELECT ?1, max(log_time) + 1, 0 FROM entry",
    [GROW_PERIOD] = "UPDATE period SET size = size + ?1 WHERE number = ?2",
    [MOVE] = "INSERT OR REPLACE INTO log VALUES (?1, ?2, ?3)",
    [COMMIT] = "COMMIT",
};

struct event_index {
  const char *path;
  sqlite3 *database;        /* NULL after a failed event_index_clear */
  sqlite3_stmt *kept[KEPT]; /* NULL until it is needed */
  pthread_mutex_t mutex;
};

/* ---- keys ------------------------------------------------------------------------------------------------------- */

static unsigned digit(char c) {
  return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

struct index_key index_key_of(const char *id) {
  struct index_key key = {0};
  if (!uuid_is_valid(id)) {
    size_t length = strlen(id);
    key.size = length < sizeof key.bytes ? length : sizeof key.bytes;
    memcpy(key.bytes, id, key.size);
    return key;
  }
  for (const char *c = id; *c; c++) {
    if (*c == '-') continue;
    key.bytes[key.size++] = (unsigned char)(digit(c[0]) << 4 | digit(c[1]));
    c++;
  }
  return key;
}

/* ---- errors ----------------------------------------------------------------------------------------------------- */

static bool is_passing(int code) {
  int primary = code & 0xff;
  return primary == SQLITE_FULL || primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN ||
         primary == SQLITE_READONLY || primary == SQLITE_BUSY || primary == SQLITE_LOCKED || primary == SQLITE_NOMEM ||
         primary == SQLITE_PERM;
}

static struct status failure(const struct event_index *index, struct arena *arena) {
  int code = index->database ? sqlite3_extended_errcode(index->database) : SQLITE_CANTOPEN;
  const char *why = index->database ? sqlite3_errmsg(index->database) : sqlite3_errstr(code);
  if (is_passing(code)) {
    return status_error(arena, STATUS_UNAVAILABLE, reason_index_unwritable, "the index of events, %s: %s", index->path,
                        why);
  }
  return status_error(arena, STATUS_DATA_LOSS, reason_index_damaged, "the index of events, %s: %s", index->path, why);
}

static bool run(struct event_index *index, const char *sql) {
  return index->database && sqlite3_exec(index->database, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* Returns NULL if it fails. */
static sqlite3_stmt *prepare(struct event_index *index, const char *sql) {
  sqlite3_stmt *statement = NULL;
  if (!index->database || sqlite3_prepare_v2(index->database, sql, -1, &statement, NULL) != SQLITE_OK) return NULL;
  return statement;
}

/* Returns a statement that is kept until the file is closed; NULL if it fails. */
static sqlite3_stmt *keep(struct event_index *index, enum kept kept) {
  if (!index->kept[kept]) index->kept[kept] = prepare(index, kept_texts[kept]);
  return index->kept[kept];
}

/* Runs one whose parameters are set, if it is there. */
static bool run_kept(sqlite3_stmt *statement) {
  bool done = statement && sqlite3_step(statement) == SQLITE_DONE;
  return sqlite3_reset(statement) == SQLITE_OK && done;
}

/* Ends a statement and returns what became of it, after sqlite3_step's last answer. */
static struct status finish(struct event_index *index, struct arena *arena, sqlite3_stmt *statement, int stepped) {
  struct status status = stepped == SQLITE_DONE || stepped == SQLITE_ROW ? status_ok() : failure(index, arena);
  sqlite3_finalize(statement);
  return status;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static void remove_file(const char *path) {
  static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
  char name[4200];
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    snprintf(name, sizeof name, "%s%s", path, ends[i]);
    unlink(name);
  }
}

static int version_of(struct event_index *index) {
  sqlite3_stmt *statement = prepare(index, "PRAGMA user_version");
  int version = statement && sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int(statement, 0) : -1;
  sqlite3_finalize(statement);
  return version;
}

static bool open_file(struct event_index *index) {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(index->path, &index->database, flags, NULL) != SQLITE_OK) return false;
  return run(index, settings);
}

static void close_file(struct event_index *index) {
  for (size_t i = 0; i < KEPT; i++) sqlite3_finalize(index->kept[i]);
  memset(index->kept, 0, sizeof index->kept);
  sqlite3_close(index->database);
  index->database = NULL;
}

static struct status make_file(struct event_index *index, struct arena *arena) {
  close_file(index);
  remove_file(index->path);
  if (open_file(index) && run(index, "BEGIN") && run(index, tables) && run(index, "COMMIT")) return status_ok();
  return failure(index, arena);
}

static struct status unusable(struct arena *arena, const char *folder, const char *why) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_event_folder_unwritable,
                      "ORDERSHOP_EVENT_FOLDER: can't keep the index of events in %s: %s", folder, why);
}

struct status event_index_open(struct arena *arena, const char *folder, struct event_index **ret_index) {
  if (!folder_make(folder)) return unusable(arena, folder, strerror(errno));
  struct event_index *index = memory_calloc(1, sizeof *index);
  char *path = memory_alloc(strlen(folder) + sizeof "/events.sqlite");
  sprintf(path, "%s/events.sqlite", folder);
  index->path = path;
  pthread_mutex_init(&index->mutex, NULL);
  bool opened = open_file(index);
  if (!opened && is_passing(sqlite3_extended_errcode(index->database))) {
    bool taken = (sqlite3_errcode(index->database) & 0xff) == SQLITE_BUSY;
    struct status status = unusable(arena, folder, taken ? "another process has it" : sqlite3_errmsg(index->database));
    event_index_close(index);
    return status;
  }
  if (opened && version_of(index) == atoi(VERSION)) {
    *ret_index = index;
    return status_ok();
  }
  struct status status = make_file(index, arena);
  if (status_is_ok(status)) {
    *ret_index = index;
    return status;
  }
  event_index_close(index);
  return unusable(arena, folder, status.message);
}

void event_index_close(struct event_index *index) {
  close_file(index);
  pthread_mutex_destroy(&index->mutex);
  free((char *)index->path);
  free(index);
}

struct status event_index_clear(struct event_index *index, struct arena *arena) {
  pthread_mutex_lock(&index->mutex);
  struct status status = make_file(index, arena);
  pthread_mutex_unlock(&index->mutex);
  return status;
}

/* ---- what it has ------------------------------------------------------------------------------------------------ */

static struct status read_positions(struct event_index *index, struct arena *arena, struct positions *ret_positions) {
  sqlite3_stmt *statement = prepare(index, "SELECT name, epoch, read_to FROM log");
  if (!statement) return failure(index, arena);
  ret_positions->count = 0;
  int stepped;
  while ((stepped = sqlite3_step(statement)) == SQLITE_ROW && ret_positions->count < POSITIONS_MAX) {
    struct log_position *part = &ret_positions->parts[ret_positions->count++];
    snprintf(part->log, sizeof part->log, "%s", (const char *)sqlite3_column_text(statement, 0));
    snprintf(part->position.epoch, sizeof part->position.epoch, "%s", (const char *)sqlite3_column_text(statement, 1));
    part->position.log_time = sqlite3_column_int64(statement, 2);
  }
  return finish(index, arena, statement, stepped);
}

struct status event_index_positions(struct event_index *index, struct arena *arena, struct positions *ret_positions) {
  pthread_mutex_lock(&index->mutex);
  struct status status = read_positions(index, arena, ret_positions);
  pthread_mutex_unlock(&index->mutex);
  return status;
}

static struct status read_streams(struct event_index *index, struct arena *arena, const char ***ret_names,
                                  size_t *ret_count) {
  enum { NAMES_MAX = 100000 };
  sqlite3_stmt *statement = prepare(index, "SELECT name FROM stream ORDER BY number");
  if (!statement) return failure(index, arena);
  size_t count = 0, room = 64;
  const char **names = arena_calloc(arena, room, sizeof *names);
  int stepped;
  while ((stepped = sqlite3_step(statement)) == SQLITE_ROW && count < NAMES_MAX) {
    if (count == room) {
      const char **more = arena_calloc(arena, 2 * room, sizeof *more);
      memcpy(more, names, room * sizeof *names);
      names = more;
      room *= 2;
    }
    names[count++] = arena_strdup(arena, (const char *)sqlite3_column_text(statement, 0));
  }
  *ret_names = names;
  *ret_count = count;
  return finish(index, arena, statement, stepped);
}

struct status event_index_streams(struct event_index *index, struct arena *arena, const char ***ret_names,
                                  size_t *ret_count) {
  pthread_mutex_lock(&index->mutex);
  struct status status = read_streams(index, arena, ret_names, ret_count);
  pthread_mutex_unlock(&index->mutex);
  return status;
}

static struct status write_stream(struct event_index *index, struct arena *arena, const char *name) {
  sqlite3_stmt *statement = prepare(index, "INSERT INTO stream SELECT coalesce(max(number) + 1, 0), ?1 FROM stream");
  if (!statement) return failure(index, arena);
  sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
  return finish(index, arena, statement, sqlite3_step(statement));
}

struct status event_index_add_stream(struct event_index *index, struct arena *arena, const char *name) {
  pthread_mutex_lock(&index->mutex);
  struct status status = write_stream(index, arena, name);
  pthread_mutex_unlock(&index->mutex);
  return status;
}

/* ---- adding ----------------------------------------------------------------------------------------------------- */

/* A key that there is none of is '' where there must be one, NULL otherwise. */
static void bind_key(sqlite3_stmt *statement, int place, const struct index_key *key, bool required) {
  if (key->size > 0 || required) {
    sqlite3_bind_blob(statement, place, key->bytes, (int)key->size, SQLITE_STATIC);
  } else {
    sqlite3_bind_null(statement, place);
  }
}

/* What an id is of an entry: the same one may be two things. */
enum role { ENTITY_ID, EVENT_ID, CAUSE_ID, ATTEMPT_ID };

static uint32_t id_of(enum role role, const struct index_key *key) {
  struct {
    unsigned char bytes[sizeof key->bytes], role;
  } salted = {.role = (unsigned char)role};
  memcpy(salted.bytes, key->bytes, key->size);
  return (uint32_t)hash_bytes(&salted, sizeof salted);
}

struct period {
  int64_t number, first, size;
};

static bool read_period(sqlite3_stmt *statement, struct period *ret_period) {
  bool found = statement && sqlite3_step(statement) == SQLITE_ROW;
  if (found) {
    *ret_period = (struct period){sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1),
                                  sqlite3_column_int64(statement, 2)};
  }
  return sqlite3_reset(statement) == SQLITE_OK && found;
}

/* Tells the period that is added to; one that is full is followed by another one. */
static bool open_period(struct event_index *index, struct period *ret_period) {
  if (!read_period(keep(index, LATEST_PERIOD), ret_period)) return false;
  if (ret_period->size < PERIOD_ROWS) return true;
  sqlite3_stmt *begin = keep(index, BEGIN_PERIOD);
  sqlite3_bind_int64(begin, 1, ret_period->number + 1);
  return run_kept(begin) && read_period(keep(index, LATEST_PERIOD), ret_period);
}

static bool grow_period(struct event_index *index, const struct period *period, size_t count) {
  sqlite3_stmt *grow = keep(index, GROW_PERIOD);
  sqlite3_bind_int64(grow, 1, (sqlite3_int64)count);
  sqlite3_bind_int64(grow, 2, period->number);
  return run_kept(grow);
}

static bool insert_entry(struct event_index *index, const struct index_row *row) {
  sqlite3_stmt *insert = keep(index, INSERT_ENTRY);
  sqlite3_bind_int64(insert, 1, row->log_time);
  sqlite3_bind_int64(insert, 2, (sqlite3_int64)row->stream);
  bind_key(insert, 3, &row->entity, true);
  bind_key(insert, 4, &row->event, true);
  bind_key(insert, 5, &row->cause, false);
  bind_key(insert, 6, &row->attempt, false);
  return run_kept(insert);
}

static bool insert_key(struct event_index *index, int64_t period, int64_t log_time, enum role role,
                       const struct index_key *key) {
  if (key->size == 0) return true;
  sqlite3_stmt *insert = keep(index, INSERT_KEY);
  sqlite3_bind_int64(insert, 1, period);
  sqlite3_bind_int64(insert, 2, id_of(role, key));
  sqlite3_bind_int64(insert, 3, log_time);
  return run_kept(insert);
}

/* An entry may be older than the latest period: a stream that was found late is read from its beginning. */
static bool insert_row(struct event_index *index, struct period period, const struct index_row *row) {
  if (row->log_time < period.first) {
    sqlite3_stmt *at = keep(index, PERIOD_AT);
    sqlite3_bind_int64(at, 1, row->log_time);
    if (!read_period(at, &period)) return false;
  }
  return insert_entry(index, row) && insert_key(index, period.number, row->log_time, ENTITY_ID, &row->entity) &&
         insert_key(index, period.number, row->log_time, EVENT_ID, &row->event) &&
         insert_key(index, period.number, row->log_time, CAUSE_ID, &row->cause) &&
         insert_key(index, period.number, row->log_time, ATTEMPT_ID, &row->attempt);
}

static bool insert_rows(struct event_index *index, const struct index_row *rows, size_t count) {
  struct period period;
  if (count == 0) return true;
  if (!open_period(index, &period)) return false;
  for (size_t i = 0; i < count; i++) {
    if (!insert_row(index, period, &rows[i])) return false;
  }
  return grow_period(index, &period, count);
}

static bool move_position(struct event_index *index, const struct log_position *part) {
  sqlite3_stmt *move = keep(index, MOVE);
  sqlite3_bind_text(move, 1, part->log, -1, SQLITE_STATIC);
  sqlite3_bind_text(move, 2, part->position.epoch, -1, SQLITE_STATIC);
  sqlite3_bind_int64(move, 3, part->position.log_time);
  return run_kept(move);
}

static bool move_positions(struct event_index *index, const struct positions *positions) {
  for (size_t i = 0; i < positions->count; i++) {
    if (!move_position(index, &positions->parts[i])) return false;
  }
  return true;
}

struct status event_index_add(struct event_index *index, struct arena *arena, const struct index_row *rows,
                              size_t count, const struct positions *positions) {
  pthread_mutex_lock(&index->mutex);
  struct status status = status_ok();
  if (!run_kept(keep(index, BEGIN)) || !insert_rows(index, rows, count) || !move_positions(index, positions) ||
      !run_kept(keep(index, COMMIT))) {
    status = failure(index, arena);
    run(index, "ROLLBACK");
  }
  pthread_mutex_unlock(&index->mutex);
  return status;
}

/* ---- finding ---------------------------------------------------------------------------------------------------- */

static const char *streams_text(struct arena *arena, const struct index_query *query) {
  const char *text = "";
  for (size_t i = 0; i < query->stream_count; i++) {
    text = arena_printf(arena, "%s%s%zu", text, i ? "," : "", query->streams[i]);
  }
  return text;
}

static const char *marks(struct arena *arena, size_t count, int first) {
  const char *text = "";
  for (size_t i = 0; i < count; i++) text = arena_printf(arena, "%s%s?%d", text, i ? "," : "", first + (int)i);
  return text;
}

enum { AFTER = 1, UNTIL, LIMIT, EVENT, CAUSE, ATTEMPT, ENTITIES };

/* All conditions, for the table `entry`. */
static const char *conditions(struct arena *arena, const struct index_query *query) {
  const char *text = "entry.log_time > ?1 AND entry.log_time <= ?2";
  if (query->event.size > 0) text = arena_printf(arena, "%s AND event = ?4", text);
  if (query->cause.size > 0) text = arena_printf(arena, "%s AND cause = ?5", text);
  if (query->attempt.size > 0) text = arena_printf(arena, "%s AND attempt = ?6", text);
  if (query->entity_count > 0) {
    text = arena_printf(arena, "%s AND entity IN (%s)", text, marks(arena, query->entity_count, ENTITIES));
  }
  if (query->stream_count > 0) text = arena_printf(arena, "%s AND stream IN (%s)", text, streams_text(arena, query));
  return text;
}

/* Where several ids are asked for, they are those that the fewest entries have. "" if none is. */
static const char *ids_text(struct arena *arena, const struct index_query *query) {
  if (query->event.size > 0) return arena_printf(arena, "= %" PRIu32, id_of(EVENT_ID, &query->event));
  if (query->cause.size > 0) return arena_printf(arena, "= %" PRIu32, id_of(CAUSE_ID, &query->cause));
  if (query->attempt.size > 0) return arena_printf(arena, "= %" PRIu32, id_of(ATTEMPT_ID, &query->attempt));
  if (query->entity_count == 1) return arena_printf(arena, "= %" PRIu32, id_of(ENTITY_ID, query->entities));
  const char *text = "";
  for (size_t i = 0; i < query->entity_count; i++) {
    text = arena_printf(arena, "%s%s%" PRIu32, text, i ? "," : "IN (", id_of(ENTITY_ID, &query->entities[i]));
  }
  return *text ? arena_printf(arena, "%s)", text) : "";
}

/* Period after period, so that what is found first comes first and nothing more is read than the limit says. The joins
 * are done in the order in which they are written. */
static const char *find_by_ids(struct arena *arena, const struct index_query *query, const char *ids,
                               const char *order) {
  return arena_printf(
      arena,
      "SELECT entry.log_time, entry.stream FROM period CROSS JOIN key CROSS JOIN entry WHERE period.number"
      " BETWEEN coalesce((SELECT number FROM period WHERE first <= ?1 ORDER BY first DESC LIMIT 1), 0)"
      " AND coalesce((SELECT number FROM period WHERE first <= ?2 ORDER BY first DESC LIMIT 1), 0)"
      " AND key.period = period.number AND key.id %s AND key.log_time > ?1 AND key.log_time <= ?2"
      " AND entry.log_time = key.log_time AND %s ORDER BY period.number %s, key.log_time %s LIMIT ?3",
      ids, conditions(arena, query), order, order);
}

/* Each stream in its order, up to the limit: one with few entries is found in a log that is long. */
static const char *find_by_streams(struct arena *arena, const struct index_query *query, const char *order) {
  const char *from = "";
  for (size_t i = 0; i < query->stream_count; i++) {
    from = arena_printf(arena,
                        "%s%sSELECT * FROM (SELECT log_time, stream FROM entry WHERE stream = %zu AND log_time > ?1"
                        " AND log_time <= ?2 ORDER BY log_time %s LIMIT ?3)",
                        from, i ? " UNION ALL " : "", query->streams[i], order);
  }
  return arena_printf(arena, "SELECT log_time, stream FROM (%s) ORDER BY log_time %s LIMIT ?3", from, order);
}

static const char *find_text(struct arena *arena, const struct index_query *query) {
  const char *order = query->newest_first ? "DESC" : "ASC", *ids = ids_text(arena, query);
  if (*ids) return find_by_ids(arena, query, ids, order);
  if (query->stream_count > 0) return find_by_streams(arena, query, order);
  return arena_printf(arena, "SELECT log_time, stream FROM entry WHERE %s ORDER BY log_time %s LIMIT ?3",
                      conditions(arena, query), order);
}

static struct status find(struct event_index *index, struct arena *arena, const struct index_query *query,
                          struct index_place **ret_places, size_t *ret_count) {
  sqlite3_stmt *statement = prepare(index, find_text(arena, query));
  if (!statement) return failure(index, arena);
  sqlite3_bind_int64(statement, AFTER, query->after);
  sqlite3_bind_int64(statement, UNTIL, query->until);
  sqlite3_bind_int64(statement, LIMIT, (sqlite3_int64)query->limit + INDEX_TIES);
  if (query->event.size > 0) bind_key(statement, EVENT, &query->event, true);
  if (query->cause.size > 0) bind_key(statement, CAUSE, &query->cause, true);
  if (query->attempt.size > 0) bind_key(statement, ATTEMPT, &query->attempt, true);
  for (size_t i = 0; i < query->entity_count; i++) bind_key(statement, ENTITIES + (int)i, &query->entities[i], true);
  struct index_place *places = arena_calloc(arena, query->limit + INDEX_TIES, sizeof *places);
  size_t count = 0;
  int stepped;
  while ((stepped = sqlite3_step(statement)) == SQLITE_ROW) {
    struct index_place place = {.log_time = sqlite3_column_int64(statement, 0),
                                .stream = (size_t)sqlite3_column_int64(statement, 1)};
    if (count >= query->limit && place.log_time != places[count - 1].log_time) break;
    places[count++] = place;
  }
  *ret_places = places;
  *ret_count = count;
  return finish(index, arena, statement, stepped);
}

struct status event_index_find(struct event_index *index, struct arena *arena, const struct index_query *query,
                               struct index_place **ret_places, size_t *ret_count) {
  pthread_mutex_lock(&index->mutex);
  struct status status = find(index, arena, query, ret_places, ret_count);
  pthread_mutex_unlock(&index->mutex);
  return status;
}

/* First and last are ends of the index, which min and max in one statement would not make use of. */
static struct status measure(struct event_index *index, struct arena *arena, size_t stream, int64_t after, bool counted,
                             struct index_extent *ret_extent) {
  sqlite3_stmt *statement = prepare(index,
                                    "SELECT (SELECT min(log_time) FROM entry WHERE stream = ?1 AND log_time > ?2),"
                                    " (SELECT max(log_time) FROM entry WHERE stream = ?1 AND log_time > ?2),"
                                    " (SELECT count(*) FROM entry WHERE ?3 AND stream = ?1 AND log_time > ?2)");
  if (!statement) return failure(index, arena);
  sqlite3_bind_int64(statement, 1, (sqlite3_int64)stream);
  sqlite3_bind_int64(statement, 2, after);
  sqlite3_bind_int(statement, 3, counted);
  int stepped = sqlite3_step(statement);
  if (stepped == SQLITE_ROW) {
    *ret_extent = (struct index_extent){sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1),
                                        sqlite3_column_int64(statement, 2)};
  }
  return finish(index, arena, statement, stepped);
}

struct status event_index_extent(struct event_index *index, struct arena *arena, size_t stream, int64_t after,
                                 bool counted, struct index_extent *ret_extent) {
  pthread_mutex_lock(&index->mutex);
  struct status status = measure(index, arena, stream, after, counted, ret_extent);
  pthread_mutex_unlock(&index->mutex);
  return status;
}
