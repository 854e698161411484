/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_arguments.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "redis/redis_protocol.h"
#include "suite.h"

static void test_protocol(void) {
  struct arena *arena = arena_new();
  struct redis_arguments arguments = redis_command_of(arena, "SET", "key", NULL);
  redis_add_bytes(&arguments, "a\0\r\nb", 5);
  redis_add_text(&arguments, "");
  redis_add_number(&arguments, INT64_MIN);

  static const char expected[] =
      "*5\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\na\0\r\nb\r\n$0\r\n\r\n$20\r\n-9223372036854775808\r\n";
  struct redis_buffer buffer = {0};
  redis_protocol_append(&buffer, &arguments);
  CU_ASSERT(buffer.size == sizeof expected - 1);
  CU_ASSERT(redis_protocol_size(&arguments) == buffer.size);
  CU_ASSERT(memcmp(buffer.bytes, expected, buffer.size) == 0);
  redis_buffer_free(&buffer);
  arena_free(arena);
}

static void test_sizes_around_powers_of_ten(void) {
  static const size_t sizes[] = {0, 9, 10, 99, 100, 999, 1000, 65535, 100000};
  static char bytes[100000];
  struct redis_buffer buffer = {0};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    struct arena *arena = arena_new();
    struct redis_arguments arguments = redis_arguments_of(arena, "ECHO");
    redis_add_bytes(&arguments, bytes, sizes[i]);
    char header[64];
    int header_size = snprintf(header, sizeof header, "*2\r\n$4\r\nECHO\r\n$%zu\r\n", sizes[i]);
    redis_protocol_append(&buffer, &arguments);
    CU_ASSERT(buffer.size == (size_t)header_size + sizes[i] + 2);
    CU_ASSERT(memcmp(buffer.bytes, header, (size_t)header_size) == 0);
    CU_ASSERT(memcmp(buffer.bytes + buffer.size - 2, "\r\n", 2) == 0);
    redis_buffer_empty(&buffer);
    arena_free(arena);
  }
  redis_buffer_free(&buffer);
}

static void test_many(void) {
  struct arena *arena = arena_new();
  struct redis_arguments arguments = redis_arguments_of(arena, "MGET");
  for (int i = 0; i < 1000; i++) redis_add_number(&arguments, i);
  CU_ASSERT(arguments.count == 1001);
  CU_ASSERT_STRING_EQUAL(arguments.values[0], "MGET");
  CU_ASSERT_STRING_EQUAL(arguments.values[8], "7");
  CU_ASSERT_STRING_EQUAL(arguments.values[1000], "999");
  CU_ASSERT(arguments.sizes[1000] == 3);
  arena_free(arena);
}

static void test_lists(void) {
  struct arena *arena = arena_new();
  const char *big = "not copied";
  struct redis_arguments more = redis_arguments_empty(arena);
  struct redis_arguments call = redis_arguments_of(arena, "FCALL");
  redis_add_all(&call, &more);
  redis_add_all(&call, NULL);
  CU_ASSERT(call.count == 1);
  redis_add_text(&more, big);
  redis_add_number(&more, 2);
  for (int i = 0; i < 10; i++) redis_add_all(&call, &more);
  CU_ASSERT(call.count == 21);
  CU_ASSERT(call.values[19] == big && call.sizes[19] == strlen(big));
  CU_ASSERT_STRING_EQUAL(call.values[20], "2");
  CU_ASSERT(more.count == 2);
  arena_free(arena);
}

static const struct test tests[] = {
    {"A command takes the protocol's form, whatever bytes it has", test_protocol},
    {"Sizes of any number of digits are written right", test_sizes_around_powers_of_ten},
    {"A list of arguments grows", test_many},
    {"Lists are appended to lists without copying values", test_lists},
};

int main(int argc, char **argv) {
  return suite_main("redis arguments", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
