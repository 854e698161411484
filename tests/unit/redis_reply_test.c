/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_reply.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

static struct redis_reply text(const char *value) {
  return (struct redis_reply){.type = REDIS_TEXT, .text = value, .size = strlen(value)};
}

static void test_numbers(void) {
  struct redis_reply number = {.type = REDIS_NUMBER, .number = -5};
  CU_ASSERT(redis_reply_number(&number, 7) == -5);
  CU_ASSERT(redis_reply_number(NULL, 7) == 7);
  static const struct {
    const char *text;
    int64_t number;
  } cases[] = {{"12", 12},
               {"-9223372036854775808", INT64_MIN},
               {"9223372036854775807", INT64_MAX},
               {"9223372036854775808", 7},
               {"", 7},
               {"12x", 7},
               {" 12", 7},
               {"1-1", 7},
               {"x", 7}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct redis_reply reply = text(cases[i].text);
    CU_ASSERT(redis_reply_number(&reply, 7) == cases[i].number);
  }
  struct redis_reply cut = {.type = REDIS_TEXT, .text = "1\0002", .size = 3};
  CU_ASSERT(redis_reply_number(&cut, 7) == 7);
}

static void test_fields(void) {
  struct redis_reply name = text("name"), value = text("Ada"), lone = text("lone");
  const struct redis_reply *elements[] = {&name, &value, &lone};
  struct redis_reply list = {.type = REDIS_LIST, .elements = elements, .count = 3};
  CU_ASSERT(redis_reply_field(&list, "name") == &value);
  CU_ASSERT(redis_reply_field(&list, "Ada") == NULL);
  CU_ASSERT(redis_reply_field(&list, "nam") == NULL);
  CU_ASSERT(redis_reply_field(&list, "lone") == NULL);
  CU_ASSERT(redis_reply_at(&list, 2) == &lone);
  CU_ASSERT(redis_reply_at(&list, 3) == NULL);
  CU_ASSERT(redis_reply_at(&name, 0) == NULL);
  CU_ASSERT(redis_reply_at(NULL, 0) == NULL && redis_reply_field(NULL, "name") == NULL);
  CU_ASSERT_STRING_EQUAL(redis_reply_text(&value), "Ada");
  CU_ASSERT(redis_reply_text(&list) == NULL && redis_reply_text(NULL) == NULL);
}

struct mapping {
  const char *error;
  enum status_code code;
  const char *reason;
};

static const struct mapping mappings[] = {
    {"OOM command not allowed when used memory > 'maxmemory'.", STATUS_RESOURCE_EXHAUSTED, "REDIS_OUT_OF_MEMORY"},
    {"LOADING Redis is loading the dataset in memory", STATUS_UNAVAILABLE, "REDIS_LOADING"},
    {"BUSY Redis is busy running a script.", STATUS_UNAVAILABLE, "REDIS_BUSY"},
    {"MASTERDOWN Link with MASTER is down", STATUS_UNAVAILABLE, "REDIS_MASTERDOWN"},
    {"READONLY You can't write against a read only replica.", STATUS_UNAVAILABLE, "REDIS_READONLY"},
    {"CLUSTERDOWN The cluster is down", STATUS_UNAVAILABLE, "REDIS_CLUSTERDOWN"},
    {"TRYAGAIN Multiple keys request during rehashing of slot", STATUS_UNAVAILABLE, "REDIS_TRYAGAIN"},
    {"MOVED 3999 127.0.0.1:6381", STATUS_UNAVAILABLE, "REDIS_MOVED"},
    {"ASK 3999 127.0.0.1:6381", STATUS_UNAVAILABLE, "REDIS_ASK"},
    {"NOREPLICAS Not enough good replicas to write.", STATUS_UNAVAILABLE, "REDIS_NOREPLICAS"},
    {"MISCONF Errors writing to the AOF file", STATUS_UNAVAILABLE, "REDIS_MISCONF"},
    {"UNBLOCKED client unblocked via CLIENT UNBLOCK", STATUS_UNAVAILABLE, "REDIS_UNBLOCKED"},
    {"NOAUTH Authentication required.", STATUS_UNAVAILABLE, "REDIS_NOAUTH"},
    {"WRONGPASS invalid username-password pair", STATUS_UNAVAILABLE, "REDIS_WRONGPASS"},
    {"NOPERM this user has no permissions", STATUS_UNAVAILABLE, "REDIS_NOPERM"},
    {"ERR The user executing the script can't run this command or subcommand script: f, on @user_function:1.",
     STATUS_UNAVAILABLE, "REDIS_NOPERM"},
    {"ERR ACL failure in script: No permissions to access a key script: f, on @user_function:1.", STATUS_UNAVAILABLE,
     "REDIS_NOPERM"},
    {"NOGROUP No such key", STATUS_NOT_FOUND, "REDIS_NOGROUP"},
    {"BUSYGROUP Consumer Group name already exists", STATUS_ALREADY_EXISTS, "REDIS_BUSYGROUP"},
    {"ERR Function not found", STATUS_UNIMPLEMENTED, "REDIS_FUNCTION_UNKNOWN"},
    {"ERR Library 'a_1f3a9c02' already exists", STATUS_ALREADY_EXISTS, "REDIS_LIBRARY_EXISTS"},
    {"ERR Library name must only contain letters", STATUS_INTERNAL, "REDIS_ERROR"},
    {"WRONGTYPE Operation against a key", STATUS_INTERNAL, "REDIS_WRONGTYPE"},
    {"BUSYKEY Target key name already exists.", STATUS_INTERNAL, "REDIS_ERROR"},
    {"", STATUS_INTERNAL, "REDIS_ERROR"},
};

static void test_errors(void) {
  struct arena *arena = arena_new();
  for (size_t i = 0; i < sizeof mappings / sizeof mappings[0]; i++) {
    struct status status = redis_error_status(arena, mappings[i].error);
    CU_ASSERT(status.code == mappings[i].code);
    CU_ASSERT_STRING_EQUAL(status_reason(status), mappings[i].reason);
    CU_ASSERT(strstr(status.message, mappings[i].error) != NULL);
    CU_ASSERT((status.details->retry_delay_ms > 0) == (status.code == STATUS_RESOURCE_EXHAUSTED));
  }
  arena_free(arena);
}

static const struct test tests[] = {
    {"Numbers are read from numbers and from texts that are nothing else", test_numbers},
    {"Elements and fields are found, and nothing where there is none", test_fields},
    {"Each error of Redis becomes the status that callers expect", test_errors},
};

int main(int argc, char **argv) {
  return suite_main("redis reply", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
