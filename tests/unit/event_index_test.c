/* SPDX-License-Identifier: Apache-2.0 */
/* The index of the log: what it finds, and that a file which is no good is made anew. */
#include "event_index.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/uuid.h"
#include "log_entry.h"
#include "shop_reasons.h"
#include "suite.h"

static struct arena *arena;
static char folder[] = "/tmp/ordershop-index-XXXXXX";
static struct event_index *index_;

static const char *file(void) {
  return arena_printf(arena, "%s/events.sqlite", folder);
}

static void open_index(void) {
  CU_ASSERT_TRUE_FATAL(status_is_ok(event_index_open(arena, folder, &index_)));
}

static void begin(void) {
  unlink(file());
  unlink(arena_printf(arena, "%s-wal", file()));
  open_index();
  CU_ASSERT_TRUE_FATAL(status_is_ok(event_index_add_stream(index_, arena, "order_created")));
  CU_ASSERT_TRUE_FATAL(status_is_ok(event_index_add_stream(index_, arena, "mail_created")));
}

/* Of the shop's log, and of that of mails, which is one behind. */
static struct positions positions_to(int64_t log_time) {
  struct positions positions = {.count = 0};
  const struct position shop = {.epoch = "0123456789abcdef", .log_time = log_time};
  const struct position mail = {.epoch = "fedcba9876543210", .log_time = log_time - 1};
  positions_advance(&positions, "", &shop);
  positions_advance(&positions, "mail", &mail);
  return positions;
}

static void add(int64_t log_time, size_t stream, const char *entity, const char *event, const char *cause) {
  const struct index_row row = {.log_time = log_time,
                                .stream = stream,
                                .entity = index_key_of(entity),
                                .event = index_key_of(event),
                                .cause = index_key_of(cause)};
  const struct positions positions = positions_to(log_time);
  CU_ASSERT_TRUE_FATAL(status_is_ok(event_index_add(index_, arena, &row, 1, &positions)));
}

/* "3 1 2": log times. */
static const char *found(struct index_query query) {
  struct index_place *places;
  size_t count;
  if (query.limit == 0) query.limit = 100;
  if (query.until == 0) query.until = INT64_MAX;
  struct status status = event_index_find(index_, arena, &query, &places, &count);
  if (!status_is_ok(status)) return status.message;
  char *text = arena_calloc(arena, count + 1, 8), *at = text;
  for (size_t i = 0; i < count; i++) at += sprintf(at, "%s%lld", i ? " " : "", (long long)places[i].log_time);
  return text;
}

static void add_five(void) {
  begin();
  add(1, 0, "o1", "e1", "");
  add(2, 1, "m1", "e2", "e1");
  add(3, 0, "o2", "e3", "");
  add(4, 1, "m2", "e4", "e1");
  add(5, 1, "m1", "e5", "e2");
}

static void test_order(void) {
  add_five();
  CU_ASSERT_STRING_EQUAL(found((struct index_query){0}), "1 2 3 4 5");
  CU_ASSERT_STRING_EQUAL(found((struct index_query){.newest_first = true, .limit = 2}), "5 4");
  CU_ASSERT_STRING_EQUAL(found((struct index_query){.after = 1, .until = 4}), "2 3 4");
  event_index_close(index_);
}

static void test_filters(void) {
  add_five();
  const size_t orders[] = {0}, both[] = {0, 1};
  const struct index_key keys[] = {index_key_of("m1"), index_key_of("o2")};
  CU_ASSERT_STRING_EQUAL(found((struct index_query){.streams = orders, .stream_count = 1}), "1 3");
  CU_ASSERT_STRING_EQUAL(found((struct index_query){.streams = both, .stream_count = 2, .limit = 3}), "1 2 3");
  CU_ASSERT_STRING_EQUAL(
      found((struct index_query){.streams = both, .stream_count = 2, .limit = 3, .newest_first = true}), "5 4 3");
  CU_ASSERT_STRING_EQUAL(found((struct index_query){.entities = keys, .entity_count = 2}), "2 3 5");
  CU_ASSERT_STRING_EQUAL(
      found((struct index_query){.entities = keys, .entity_count = 2, .streams = orders, .stream_count = 1}), "3");
  CU_ASSERT_STRING_EQUAL(found((struct index_query){.event = index_key_of("e3")}), "3");
  CU_ASSERT_STRING_EQUAL(found((struct index_query){.cause = index_key_of("e1")}), "2 4");
  CU_ASSERT_STRING_EQUAL(found((struct index_query){.cause = index_key_of("nobody")}), "");
  event_index_close(index_);
}

/* Entries of two logs may have one log time: a page has both, or none of them. */
static void test_ties(void) {
  add_five();
  add(3, 1, "m3", "e6", "e1");
  const size_t both[] = {0, 1};
  CU_ASSERT_STRING_EQUAL(found((struct index_query){0}), "1 2 3 3 4 5");
  CU_ASSERT_STRING_EQUAL(found((struct index_query){.limit = 3}), "1 2 3 3");
  CU_ASSERT_STRING_EQUAL(found((struct index_query){.limit = 4}), "1 2 3 3");
  CU_ASSERT_STRING_EQUAL(found((struct index_query){.limit = 3, .newest_first = true}), "5 4 3 3");
  CU_ASSERT_STRING_EQUAL(found((struct index_query){.streams = both, .stream_count = 2, .limit = 3}), "1 2 3 3");
  CU_ASSERT_STRING_EQUAL(found((struct index_query){.event = index_key_of("e3")}), "3");
  CU_ASSERT_STRING_EQUAL(found((struct index_query){.event = index_key_of("e6")}), "3");
  CU_ASSERT_STRING_EQUAL(found((struct index_query){.cause = index_key_of("e1"), .limit = 2}), "2 3");
  event_index_close(index_);
}

static void test_again(void) {
  add_five();
  add(3, 0, "o2", "e3", "");
  CU_ASSERT_STRING_EQUAL(found((struct index_query){0}), "1 2 3 4 5");
  event_index_close(index_);
}

static void test_reopened(void) {
  add_five();
  event_index_close(index_);
  open_index();
  struct positions positions;
  const char **names;
  size_t count;
  CU_ASSERT_TRUE(status_is_ok(event_index_positions(index_, arena, &positions)));
  CU_ASSERT_EQUAL_FATAL(positions.count, 2);
  CU_ASSERT_EQUAL(positions_of(&positions, "")->log_time, 5);
  CU_ASSERT_STRING_EQUAL(positions_of(&positions, "")->epoch, "0123456789abcdef");
  CU_ASSERT_EQUAL(positions_of(&positions, "mail")->log_time, 4);
  CU_ASSERT_TRUE(status_is_ok(event_index_streams(index_, arena, &names, &count)));
  CU_ASSERT_EQUAL_FATAL(count, 2);
  CU_ASSERT_STRING_EQUAL(names[1], "mail_created");
  struct index_extent extent;
  CU_ASSERT_TRUE(status_is_ok(event_index_extent(index_, arena, 1, 2, true, &extent)));
  CU_ASSERT_EQUAL(extent.first, 4);
  CU_ASSERT_EQUAL(extent.last, 5);
  CU_ASSERT_EQUAL(extent.count, 2);
  event_index_close(index_);
}

/* ---- a log of several periods ----------------------------------------------------------------------------------- */

enum { ROWS = 60000, IDS = 300, LATE = 5000 };

static const char *some_id(int number) {
  return arena_printf(arena, "%08x-0000-4000-8000-000000000000", (unsigned)number * 2654435761U);
}

/* The same ids are entities, events, causes and attempts. */
static struct index_row some_row(int64_t log_time) {
  bool has_cause = rand() % 2;
  return (struct index_row){.log_time = log_time,
                            .stream = (size_t)rand() % 2,
                            .entity = index_key_of(some_id(rand() % IDS)),
                            .event = index_key_of(some_id(rand() % IDS)),
                            .cause = index_key_of(has_cause ? some_id(rand() % IDS) : ""),
                            .attempt = index_key_of(has_cause ? "" : some_id(rand() % IDS))};
}

static void add_rows(const struct index_row *rows, size_t count) {
  const struct positions positions = positions_to(ROWS);
  CU_ASSERT_TRUE_FATAL(status_is_ok(event_index_add(index_, arena, rows, count, &positions)));
}

/* Most rows come in the order of the log. The odd ones up to LATE come last, as those of a stream that was found late,
 * and the rest comes twice. Returns all of them, by their log time. */
static const struct index_row *add_many(void) {
  struct index_row *rows = arena_calloc(arena, ROWS + 1, sizeof *rows);
  for (int i = 1; i <= ROWS; i++) rows[i] = some_row(i);
  for (int i = 1; i <= LATE; i += 2) add_rows(&rows[i + 1], 1);
  for (int i = LATE + 1; i <= ROWS; i += 1000) add_rows(&rows[i], ROWS + 1 - i < 1000 ? (size_t)(ROWS + 1 - i) : 1000);
  add_rows(&rows[1], LATE);
  return rows;
}

static bool same_key(const struct index_key *key, const struct index_key *asked) {
  return asked->size == 0 || (key->size == asked->size && memcmp(key->bytes, asked->bytes, key->size) == 0);
}

static bool is_asked_for(const struct index_row *row, const struct index_query *query) {
  bool stream = query->stream_count == 0, entity = query->entity_count == 0;
  for (size_t i = 0; i < query->stream_count; i++) stream = stream || row->stream == query->streams[i];
  for (size_t i = 0; i < query->entity_count; i++) entity = entity || same_key(&row->entity, &query->entities[i]);
  return stream && entity && row->log_time > query->after && row->log_time <= query->until &&
         same_key(&row->event, &query->event) && same_key(&row->cause, &query->cause) &&
         same_key(&row->attempt, &query->attempt);
}

/* As found() tells it, by looking at each row. */
static const char *wanted(const struct index_row *rows, const struct index_query *query) {
  char *text = arena_calloc(arena, query->limit + 1, 8), *at = text;
  size_t count = 0;
  for (int i = 1; i <= ROWS && count < query->limit; i++) {
    const struct index_row *row = &rows[query->newest_first ? ROWS + 1 - i : i];
    if (is_asked_for(row, query)) at += sprintf(at, "%s%lld", count++ ? " " : "", (long long)row->log_time);
  }
  return text;
}

static void test_periods(void) {
  begin();
  srand(20190128);
  const struct index_row *rows = add_many();
  static const size_t streams[] = {0, 1};
  for (int i = 0; i < 400; i++) {
    const struct index_row *like = &rows[rand() % ROWS + 1];
    const struct index_key entities[] = {like->entity, index_key_of(some_id(rand() % IDS)), like->entity};
    struct index_query query = {.after = i % 5 ? 0 : rand() % ROWS,
                                .until = i % 7 ? ROWS : rand() % ROWS,
                                .limit = i % 3 ? 500 : 3,
                                .newest_first = rand() % 2,
                                .streams = &streams[like->stream],
                                .stream_count = (size_t)rand() % 2,
                                .entities = entities};
    if (i % 4 == 0) query.entity_count = (size_t)rand() % 4;
    if (i % 4 == 1) query.event = like->event;
    if (i % 4 == 2) query.cause = like->cause;
    if (i % 4 == 3) query.attempt = like->attempt;
    if (i % 11 == 0) query.event = like->event;
    CU_ASSERT_STRING_EQUAL(found(query), wanted(rows, &query));
  }
  event_index_close(index_);
}

/* Whatever is there, the index opens, works, and has either all of the rows or says that it has none. */
static void check_damage(off_t keep, size_t noise) {
  add_five();
  event_index_close(index_);
  int damaged = open(file(), O_RDWR | O_CLOEXEC);
  CU_ASSERT_TRUE_FATAL(damaged >= 0);
  struct stat file_stat;
  CU_ASSERT_EQUAL_FATAL(fstat(damaged, &file_stat), 0);
  if (keep >= 0) CU_ASSERT_EQUAL_FATAL(ftruncate(damaged, keep < file_stat.st_size ? keep : file_stat.st_size / 2), 0);
  for (size_t i = 0; i < noise; i++) {
    char byte = (char)rand();
    CU_ASSERT_EQUAL(pwrite(damaged, &byte, 1, rand() % (file_stat.st_size + 1)), 1);
  }
  close(damaged);
  open_index();
  struct positions positions;
  struct status status = event_index_positions(index_, arena, &positions);
  if (status_is_ok(status)) found((struct index_query){0});
  CU_ASSERT_TRUE(status_is_ok(event_index_clear(index_, arena)));
  CU_ASSERT_TRUE(status_is_ok(event_index_positions(index_, arena, &positions)));
  CU_ASSERT_EQUAL(positions.count, 0);
  event_index_close(index_);
}

static void test_damaged(void) {
  srand(4711);
  check_damage(0, 0);
  check_damage(100, 0);
  check_damage(5000, 0);
  for (int i = 0; i < 30; i++) check_damage(-1, 50);
}

/* SQLite keeps a file's version in its header, at 60 (https://www.sqlite.org/fileformat.html). */
static void test_version(void) {
  add_five();
  event_index_close(index_);
  int other = open(file(), O_RDWR | O_CLOEXEC);
  CU_ASSERT_EQUAL_FATAL(pwrite(other, "\0\0\0\1", 4, 60), 4);
  close(other);
  open_index();
  struct positions positions;
  CU_ASSERT_TRUE(status_is_ok(event_index_positions(index_, arena, &positions)));
  CU_ASSERT_EQUAL(positions.count, 0);
  CU_ASSERT_STRING_EQUAL(found((struct index_query){0}), "");
  event_index_close(index_);
}

static void test_taken(void) {
  begin();
  struct event_index *other;
  struct status status = event_index_open(arena, folder, &other);
  CU_ASSERT_TRUE(status_is(status, reason_event_folder_unwritable));
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "another process has it"));
  event_index_close(index_);
}

static void test_no_folder(void) {
  struct event_index *other;
  struct status status = event_index_open(arena, "/dev/null/x", &other);
  CU_ASSERT_TRUE(status_is(status, reason_event_folder_unwritable));
}

static void test_keys(void) {
  const char *id = "76131f90-36f5-4ce4-8516-0685a3dccc54";
  struct index_key key = index_key_of(id), capitals = index_key_of("76131F90-36F5-4CE4-8516-0685A3DCCC54");
  CU_ASSERT_EQUAL(key.size, 16);
  CU_ASSERT_EQUAL(key.bytes[0], 0x76);
  CU_ASSERT_EQUAL(key.bytes[15], 0x54);
  CU_ASSERT_EQUAL(memcmp(&key, &capitals, sizeof key), 0);
  CU_ASSERT_EQUAL(index_key_of("").size, 0);
  CU_ASSERT_EQUAL(index_key_of("no uuid").size, 7);
}

/* ---- entries ---------------------------------------------------------------------------------------------------- */

static void test_packed_text(void) {
  static const char message[] = "\x0a\x02id\x68\x05\x0a\x05later\x12\x01z";
  CU_ASSERT_STRING_EQUAL(packed_text(arena, message, sizeof message - 1, 1), "later");
  CU_ASSERT_STRING_EQUAL(packed_text(arena, message, sizeof message - 1, 2), "z");
  CU_ASSERT_STRING_EQUAL(packed_text(arena, message, sizeof message - 1, 3), "");
  CU_ASSERT_STRING_EQUAL(packed_text(arena, "\x0a\xff", 2, 1), "");
  CU_ASSERT_STRING_EQUAL(packed_text(arena, "\x0a\x02\xff\xfe", 4, 1), "");
}

static void test_set_text(void) {
  struct log_entry entry = {.entity = "\x0a\x02id", .entity_size = 4};
  const char *text = arena_printf(arena, "%0300d", 7);
  log_entry_set_text(arena, &entry, 4, text);
  CU_ASSERT_STRING_EQUAL(packed_text(arena, entry.entity, entry.entity_size, 1), "id");
  CU_ASSERT_STRING_EQUAL(packed_text(arena, entry.entity, entry.entity_size, 4), text);
}

static void test_random_bytes(void) {
  srand(20190128);
  for (int i = 0; i < 20000; i++) {
    char bytes[48];
    size_t size = (size_t)rand() % sizeof bytes;
    for (size_t k = 0; k < size; k++) bytes[k] = (char)rand();
    const char *text = packed_text(arena, arena_memdup(arena, bytes, size), size, 1);
    CU_ASSERT_TRUE(strlen(text) <= size);
    if (i % 100 == 0) arena_reset(arena);
  }
}

static int set_up(void) {
  arena = arena_new();
  return mkdtemp(folder) ? 0 : 1;
}

static int tear_down(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  arena_free(arena);
  return system(command);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"entries are found in the order of the log, or against it", test_order},
      {"by stream, entity, event and cause", test_filters},
      {"what is added twice is there once", test_again},
      {"Entries of two logs that have one log time belong together", test_ties},
      {"a long log is searched as each of its entries would be, also for those that came late", test_periods},
      {"a file that is opened again has all, and says up to where", test_reopened},
      {"a file that is damaged can be opened, and made anew", test_damaged},
      {"a file of another version is made anew", test_version},
      {"a file that another process has is refused", test_taken},
      {"a folder that can't be made is named", test_no_folder},
      {"a UUID is kept in 16 bytes, however it is written", test_keys},
      {"the id of a packed message is found without its type", test_packed_text},
      {"a field is added to a packed message", test_set_text},
      {"bytes that are no message do no harm", test_random_bytes},
  };
  return suite_main("event_index", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
