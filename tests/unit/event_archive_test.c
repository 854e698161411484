/* SPDX-License-Identifier: Apache-2.0 */
/* The archive's folder and files: what is added is read again as Redis told it, and what is missing, damaged or not
 * finished is found out. */
#include "archive.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive_block.h"
#include "shop_reasons.h"
#include "store/log_time.h"
#include "suite.h"

static struct arena *arena;
static char folder[] = "/tmp/ordershop-archive-XXXXXX";
static struct archive *archive;

/* ---- helpers ---------------------------------------------------------------------------------------------------- */

static void must(struct status status) {
  if (!status_is_ok(status)) fprintf(stderr, "  %s\n", status.message);
  CU_ASSERT_TRUE_FATAL(status_is_ok(status));
}

static void run(const char *command) {
  CU_ASSERT_EQUAL_FATAL(system(arena_printf(arena, "cd %s && %s", folder, command)), 0);
}

static struct archive *open_archive(const char *path) {
  struct archive *opened = NULL;
  must(archive_open(arena, path, &opened));
  return opened;
}

static void begin(void) {
  run("rm -f *");
  archive = open_archive(folder);
}

static const struct redis_reply *text(const char *bytes, size_t size) {
  struct redis_reply *reply = arena_calloc(arena, 1, sizeof *reply);
  *reply = (struct redis_reply){.type = REDIS_TEXT, .text = bytes, .size = size};
  return reply;
}

static struct redis_reply *list(size_t count) {
  struct redis_reply *reply = arena_calloc(arena, 1, sizeof *reply);
  *reply = (struct redis_reply){.type = REDIS_LIST, .count = count};
  reply->elements = arena_calloc(arena, count + 1, sizeof(*reply->elements));
  return reply;
}

/* An entry with a field whose value has a NUL in it. */
static const struct redis_reply *entry_at(int64_t log_time) {
  static const char bytes[] = "a\0b";
  struct redis_reply *entry = list(2), *fields = list(2);
  const char *id = log_time_text(arena, log_time);
  fields->elements[0] = text("entity", 6);
  fields->elements[1] = text(bytes, sizeof bytes - 1);
  entry->elements[0] = text(id, strlen(id));
  entry->elements[1] = fields;
  return entry;
}

/* Adds a part with entries of one stream. */
static void write_part(int64_t after, int64_t until, const char *stream, const int64_t *times, size_t count) {
  const struct redis_reply *entries[16];
  for (size_t i = 0; i < count; i++) entries[i] = entry_at(times[i]);
  struct archive_block block = {.stream = stream, .first = times[0], .last = times[count - 1], .entries = count};
  block.bytes = archive_block_pack(arena, entries, count, &block.size);
  const struct archive_segment segment = {
      .log = "", .epoch = "0123456789abcdef", .after = after, .until = until, .by = "ada", .reason = ""};
  struct archive_file *file;
  must(archive_file_create(arena, archive_next_path(archive, arena), &segment, &file));
  must(archive_file_add_block(file, arena, &block));
  const char *const streams[] = {"order_created", "mail_created"};
  for (size_t i = 0; i < 2; i++) {
    bool has = strcmp(streams[i], stream) == 0;
    struct archive_stream row = {.name = streams[i], .entries = has ? (int64_t)count : 0};
    row.last = has ? times[count - 1] : archive_last(archive, "", streams[i]);
    if (row.last > 0) must(archive_file_add_stream(file, arena, &row));
  }
  must(archive_file_seal(file, arena));
  archive_file_close(file);
}

static void add_part(int64_t after, int64_t until, const char *stream, const int64_t *times, size_t count) {
  write_part(after, until, stream, times, count);
  must(archive_add(archive, arena, "", after, until));
}

static void add_two_parts(void) {
  static const int64_t orders[] = {1001, 1002, 1007}, mails[] = {2001, 2500};
  add_part(0, 2000, "order_created", orders, 3);
  add_part(2000, 3000, "mail_created", mails, 2);
}

static struct status look(struct archive *in, const char *stream, int64_t log_time, const struct redis_reply **entry) {
  struct archive_place place = {.log = "", .stream = stream, .log_time = log_time};
  struct status status = archive_read(in, arena, &place, 1);
  *entry = place.entry;
  return status;
}

static const struct redis_reply *entry_of(struct archive *in, const char *stream, int64_t log_time) {
  const struct redis_reply *entry;
  must(look(in, stream, log_time, &entry));
  return entry;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void test_read(void) {
  begin();
  add_two_parts();
  const struct redis_reply *entry = entry_of(archive, "order_created", 1002);
  CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
  CU_ASSERT_STRING_EQUAL(redis_reply_text(redis_reply_at(entry, 0)), "1-2");
  const struct redis_reply *value = redis_reply_field(redis_reply_at(entry, 1), "entity");
  CU_ASSERT_PTR_NOT_NULL_FATAL(value);
  CU_ASSERT_EQUAL(value->size, 3);
  CU_ASSERT_EQUAL(memcmp(value->text, "a\0b", 4), 0);
  CU_ASSERT_PTR_NOT_NULL(entry_of(archive, "mail_created", 2500));
  CU_ASSERT_PTR_NULL(entry_of(archive, "order_created", 1003));
  CU_ASSERT_PTR_NULL(entry_of(archive, "mail_created", 1002));
  CU_ASSERT_PTR_NULL(entry_of(archive, "order_created", 9000));
  archive_close(archive);
}

static void test_extent(void) {
  begin();
  CU_ASSERT_EQUAL(archive_until(archive, ""), 0);
  add_two_parts();
  struct archive *again = open_archive(folder);
  CU_ASSERT_EQUAL(archive_until(again, ""), 3000);
  CU_ASSERT_EQUAL(archive_until(again, "mail"), 0);
  CU_ASSERT_EQUAL(archive_last(again, "", "order_created"), 1007);
  CU_ASSERT_EQUAL(archive_last(again, "", "mail_created"), 2500);
  CU_ASSERT_EQUAL(archive_last(again, "", "product_created"), 0);
  archive_close(again);
  archive_close(archive);
}

static struct status count_entry(void *argument, const char *stream, const struct redis_reply *entry) {
  (void)entry;
  char *seen = argument;
  strcat(seen, stream);
  strcat(seen, " ");
  return status_ok();
}

static void test_each(void) {
  begin();
  add_two_parts();
  char first[256] = "", second[256] = "";
  int64_t until;
  must(archive_each(archive, arena, "", 0, count_entry, first, &until));
  CU_ASSERT_EQUAL(until, 2000);
  CU_ASSERT_STRING_EQUAL(first, "order_created order_created order_created ");
  must(archive_each(archive, arena, "", 2000, count_entry, second, &until));
  CU_ASSERT_EQUAL(until, 3000);
  CU_ASSERT_STRING_EQUAL(second, "mail_created mail_created ");
  must(archive_each(archive, arena, "", 3000, count_entry, second, &until));
  CU_ASSERT_EQUAL(until, 3000);
  archive_close(archive);
}

static void test_another_process(void) {
  begin();
  struct archive *other = open_archive(folder);
  add_two_parts();
  CU_ASSERT_PTR_NOT_NULL(entry_of(other, "mail_created", 2001));
  archive_close(other);
  archive_close(archive);
}

static void test_unfinished(void) {
  static const int64_t orders[] = {1001};
  begin();
  write_part(0, 2000, "order_created", orders, 1);
  struct archive *again = open_archive(folder);
  CU_ASSERT_EQUAL(archive_until(again, ""), 0);
  CU_ASSERT_PTR_NULL(entry_of(again, "order_created", 1001));
  archive_close(again);
  add_part(0, 2000, "order_created", orders, 1);
  CU_ASSERT_PTR_NOT_NULL(entry_of(archive, "order_created", 1001));
  archive_close(archive);
}

static void test_lock(void) {
  begin();
  struct archive *other = open_archive(folder);
  must(archive_lock(archive, arena));
  CU_ASSERT_TRUE(status_is(archive_lock(other, arena), reason_archive_under_way));
  archive_unlock(archive);
  must(archive_lock(other, arena));
  archive_close(other);
  archive_close(archive);
}

static void test_lock_of_a_damaged_archive(void) {
  begin();
  add_two_parts();
  run("mv shop_0-0_2-0.sqlite aside");
  CU_ASSERT_TRUE(status_is(archive_lock(archive, arena), reason_archive_damaged));
  run("mv aside shop_0-0_2-0.sqlite");
  must(archive_lock(archive, arena));
  archive_close(archive);
}

static void test_missing_file(void) {
  begin();
  add_two_parts();
  archive_close(archive);
  run("rm shop_0-0_2-0.sqlite");
  struct archive *again;
  struct status status = archive_open(arena, folder, &again);
  CU_ASSERT_TRUE(status_is(status, reason_archive_damaged));
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "lacks the file that is between its beginning and shop_2-0_3-0"));
}

static void test_damaged_block(void) {
  begin();
  add_two_parts();
  sqlite3 *database;
  const char *path = arena_printf(arena, "%s/shop_0-0_2-0.sqlite", folder);
  CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &database), SQLITE_OK);
  const char *spoil = "UPDATE block SET data = CAST(substr(data, 1, length(data) - 1) || x'00' AS BLOB)";
  CU_ASSERT_EQUAL_FATAL(sqlite3_exec(database, spoil, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(database);
  const struct redis_reply *entry;
  struct status status = look(archive, "order_created", 1001, &entry);
  CU_ASSERT_TRUE(status_is(status, reason_archive_damaged));
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "shop_0-0_2-0.sqlite: a block of the stream order_created"));
  archive_close(archive);
}

static void test_damaged_file(void) {
  begin();
  add_two_parts();
  run("echo nothing > shop_0-0_2-0.sqlite");
  const struct redis_reply *entry;
  CU_ASSERT_TRUE(status_is(look(archive, "order_created", 1001, &entry), reason_archive_damaged));
  archive_close(archive);
}

static void test_none(void) {
  struct archive *none = open_archive("");
  CU_ASSERT_FALSE(archive_is_kept(none));
  CU_ASSERT_EQUAL(archive_until(none, ""), 0);
  CU_ASSERT_PTR_NULL(entry_of(none, "order_created", 1001));
  archive_close(none);
}

static void test_no_folder(void) {
  struct archive *opened;
  struct status status = archive_open(arena, "/dev/null/archive", &opened);
  CU_ASSERT_EQUAL(status.code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "ORDERSHOP_ARCHIVE_FOLDER"));
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
      {"an entry is read as it was added, byte by byte", test_read},
      {"an archive says how far it reaches, and which entry of each stream was the last", test_extent},
      {"all entries can be read, file by file", test_each},
      {"what another process adds is found", test_another_process},
      {"a file that was not finished is not read, and made anew", test_unfinished},
      {"there is one writer", test_lock},
      {"who finds the archive damaged does not stay its writer", test_lock_of_a_damaged_archive},
      {"a file that is missing is named", test_missing_file},
      {"a block that is damaged is named, not told", test_damaged_block},
      {"a file that is damaged is named", test_damaged_file},
      {"without a folder nothing is kept", test_none},
      {"a folder that can't be made is named", test_no_folder},
  };
  return suite_main("event_archive", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
