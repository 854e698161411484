/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_url.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

static struct redis_url parsed(struct arena *arena, const char *text) {
  struct redis_url url = {0};
  struct status status = redis_url_parse(arena, text, &url);
  CU_ASSERT_FATAL(status_is_ok(status));
  CU_ASSERT(redis_url_check(text) == NULL);
  return url;
}

static void test_defaults(void) {
  struct arena *arena = arena_new();
  struct redis_url url = parsed(arena, "redis://localhost");
  CU_ASSERT_STRING_EQUAL(url.host, "localhost");
  CU_ASSERT(url.user == NULL && url.port == 6379 && url.database == 0 && !url.tls);
  arena_free(arena);
}

static void test_all_parts(void) {
  struct arena *arena = arena_new();
  struct redis_url url = parsed(arena, "rediss://shop-user@redis.shop.svc:6380/15");
  CU_ASSERT_STRING_EQUAL(url.user, "shop-user");
  CU_ASSERT_STRING_EQUAL(url.host, "redis.shop.svc");
  CU_ASSERT(url.port == 6380 && url.database == 15 && url.tls);
  arena_free(arena);
}

static void test_ipv6(void) {
  struct arena *arena = arena_new();
  struct redis_url url = parsed(arena, "redis://[::1]:6380/2");
  CU_ASSERT_STRING_EQUAL(url.host, "::1");
  CU_ASSERT(url.port == 6380 && url.database == 2);
  url = parsed(arena, "redis://[fe80::1%eth0]/");
  CU_ASSERT_STRING_EQUAL(url.host, "fe80::1%eth0");
  CU_ASSERT(url.port == 6379 && url.database == 0);
  arena_free(arena);
}

static void test_refused(void) {
  static const char *const texts[] = {
      "",
      "redis:",
      "redis://",
      "redis:///0",
      "redis://:6379",
      "redis://@host",
      "http://host",
      "host:6379",
      "REDIS://host",
      "redis://host:",
      "redis://host:0",
      "redis://host:65536",
      "redis://host:123456",
      "redis://host:6379x",
      "redis://host:-1",
      "redis://host: 1",
      "redis://host/x",
      "redis://host/-1",
      "redis://host/0/1",
      "redis://host/999999999999",
      "redis://host/0?timeout=1",
      "redis://ho st",
      "redis://host\n",
      "redis://::1",
      "redis://[::1",
      "redis://[::1]6379",
      "redis://[]",
      "redis://[host]",
  };
  struct arena *arena = arena_new();
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct redis_url url = {.port = 1};
    struct status status = redis_url_parse(arena, texts[i], &url);
    if (status.code != STATUS_INVALID_ARGUMENT) printf("accepted: \"%s\"\n", texts[i]);
    CU_ASSERT(status.code == STATUS_INVALID_ARGUMENT);
    CU_ASSERT(url.port == 1);
    CU_ASSERT(redis_url_check(texts[i]) != NULL);
  }
  arena_free(arena);
}

static void test_password(void) {
  struct arena *arena = arena_new();
  struct redis_url url;
  struct status status = redis_url_parse(arena, "redis://user:hunter2@host", &url);
  CU_ASSERT(status.code == STATUS_INVALID_ARGUMENT);
  CU_ASSERT(strstr(status.message, "password") != NULL);
  CU_ASSERT(strstr(status.message, "hunter2") == NULL);
  CU_ASSERT(redis_url_check("redis://:hunter2@host") != NULL);
  arena_free(arena);
}

static const struct test tests[] = {
    {"Port and database have defaults", test_defaults},
    {"All parts of a URL are understood", test_all_parts},
    {"An IPv6 address stands in brackets", test_ipv6},
    {"What is no Redis URL is refused", test_refused},
    {"A password in the URL is refused and not repeated", test_password},
};

int main(int argc, char **argv) {
  return suite_main("redis URL", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
