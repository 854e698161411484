/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_slot.h"

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

static bool is_at(const struct redis_url *url, size_t index, const char *host, int port) {
  return strcmp(url->addresses[index].host, host) == 0 && url->addresses[index].port == port;
}

static void test_defaults(void) {
  struct arena *arena = arena_new();
  struct redis_url url = parsed(arena, "redis://localhost");
  CU_ASSERT(is_at(&url, 0, "localhost", 6379));
  CU_ASSERT(url.user == NULL && url.address_count == 1 && url.database == 0 && !url.tls);
  arena_free(arena);
}

static void test_all_parts(void) {
  struct arena *arena = arena_new();
  struct redis_url url = parsed(arena, "rediss://shop-user@redis.shop.svc:6380/15");
  CU_ASSERT_STRING_EQUAL(url.user, "shop-user");
  CU_ASSERT(is_at(&url, 0, "redis.shop.svc", 6380));
  CU_ASSERT(url.arrangement == REDIS_SINGLE && url.database == 15 && url.tls);
  arena_free(arena);
}

static void test_ipv6(void) {
  struct arena *arena = arena_new();
  struct redis_url url = parsed(arena, "redis://[::1]:6380/2");
  CU_ASSERT(is_at(&url, 0, "::1", 6380));
  CU_ASSERT(url.database == 2);
  CU_ASSERT_STRING_EQUAL(redis_url_places(&url, arena), "[::1]:6380");
  url = parsed(arena, "redis://[fe80::1%eth0]/");
  CU_ASSERT(is_at(&url, 0, "fe80::1%eth0", 6379));
  CU_ASSERT(url.database == 0);
  arena_free(arena);
}

static void test_sentinels(void) {
  struct arena *arena = arena_new();
  struct redis_url url = parsed(arena, "redis+sentinel://shop@a:5000,b,[::1]:26380/my-shop.1/3");
  CU_ASSERT(url.arrangement == REDIS_SENTINEL && url.address_count == 3 && url.database == 3 && !url.tls);
  CU_ASSERT(is_at(&url, 0, "a", 5000) && is_at(&url, 1, "b", 26379) && is_at(&url, 2, "::1", 26380));
  CU_ASSERT_STRING_EQUAL(url.user, "shop");
  CU_ASSERT_STRING_EQUAL(url.master_name, "my-shop.1");
  CU_ASSERT_STRING_EQUAL(redis_url_places(&url, arena), "a:5000,b:26379,[::1]:26380");
  url = parsed(arena, "rediss+sentinel://a/shop");
  CU_ASSERT(url.arrangement == REDIS_SENTINEL && url.tls && !url.user && url.database == 0);
  arena_free(arena);
}

static void test_cluster(void) {
  struct arena *arena = arena_new();
  struct redis_url url = parsed(arena, "redis+cluster://shop@a:7000,a:7001,b/");
  CU_ASSERT(url.arrangement == REDIS_CLUSTER && url.address_count == 3 && !url.tls && !url.master_name);
  CU_ASSERT(is_at(&url, 0, "a", 7000) && is_at(&url, 1, "a", 7001) && is_at(&url, 2, "b", 6379));
  url = parsed(arena, "rediss+cluster://one");
  CU_ASSERT(url.arrangement == REDIS_CLUSTER && url.tls && url.address_count == 1);
  arena_free(arena);
}

static const char *allowed_for(struct arena *arena, const char *text) {
  struct redis_url url;
  struct status status = redis_url_parse(arena, text, &url);
  CU_ASSERT(status.code == STATUS_INVALID_ARGUMENT);
  return status.message;
}

static void test_what_is_allowed(void) {
  struct arena *arena = arena_new();
  CU_ASSERT_PTR_NOT_NULL(strstr(allowed_for(arena, "redis+sentinel://a,b"), "the name by which they know the master"));
  CU_ASSERT_PTR_NOT_NULL(strstr(allowed_for(arena, "redis+sentinel://a,a/shop"), "each once"));
  CU_ASSERT_PTR_NOT_NULL(strstr(allowed_for(arena, "redis+cluster://a/1"), "no database"));
  CU_ASSERT_PTR_NOT_NULL(strstr(allowed_for(arena, "redis://a,b"), "redis+sentinel://"));
  arena_free(arena);
}

/* As CLUSTER KEYSLOT tells them. */
static void test_slots(void) {
  CU_ASSERT_EQUAL(redis_slot_of_prefix("{shop1}:"), 13876);
  CU_ASSERT_EQUAL(redis_slot_of_prefix("eu.{123456789}."), 12739);
  CU_ASSERT_EQUAL(redis_slot_of_prefix("{a}{b}"), 15495);
  CU_ASSERT_EQUAL(redis_slot_of_prefix(""), -1);
  CU_ASSERT_EQUAL(redis_slot_of_prefix("shop:"), -1);
  CU_ASSERT_EQUAL(redis_slot_of_prefix("{shop:"), -1);
  CU_ASSERT_EQUAL(redis_slot_of_prefix("{}shop:"), -1);
  CU_ASSERT_EQUAL(redis_slot_of_prefix("{}{shop}:"), -1); /* the first brace counts */
}

static void test_prefix(void) {
  struct arena *arena = arena_new();
  struct redis_url cluster = parsed(arena, "redis+cluster://a"), single = parsed(arena, "redis://a");
  CU_ASSERT_PTR_NOT_NULL(redis_prefix_mistake(&cluster, "shop:"));
  CU_ASSERT_PTR_NULL(redis_prefix_mistake(&cluster, "{shop}:"));
  CU_ASSERT_PTR_NULL(redis_prefix_mistake(&single, ""));
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
      "redis://a,b",
      "redis+sentinel://a",
      "redis+sentinel://a/",
      "redis+sentinel://a//1",
      "redis+sentinel:///shop",
      "redis+sentinel://a,/shop",
      "redis+sentinel://,a/shop",
      "redis+sentinel://a,b,a/shop",
      "redis+sentinel://a:26379,a/shop",
      "redis+sentinel://a/sh op",
      "redis+sentinel://a/shop/x",
      "redis+sentinel://a/shop/1/2",
      "redis+sentinel://a/shop?x=1",
      "redis+sentinel://a:0/shop",
      "redis+sentinel://a:1,b@c/shop",
      "redis+sentinel://user:secret@a/shop",
      "redis+sentinel://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q/shop",
      "redis+cluster://",
      "redis+cluster://a/0",
      "redis+cluster://a/shop",
      "redis+cluster://a,,b",
      "redis+cluster://a b",
      "redis+cluster:a",
      "redis+ring://a",
      "redisss://a",
  };
  struct arena *arena = arena_new();
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct redis_url url = {.database = 1};
    struct status status = redis_url_parse(arena, texts[i], &url);
    if (status.code != STATUS_INVALID_ARGUMENT) printf("accepted: \"%s\"\n", texts[i]);
    CU_ASSERT(status.code == STATUS_INVALID_ARGUMENT);
    CU_ASSERT(url.database == 1);
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

static void test_copies(void) {
  static const char *const texts[] = {"redis://host/1",
                                      "rediss://host/1",
                                      "redis://host/2",
                                      "redis://user@host/1",
                                      "redis+cluster://host",
                                      "redis+sentinel://a,b/shop",
                                      "redis+sentinel://a,b:1/shop",
                                      "redis+sentinel://a,c/shop",
                                      "redis+sentinel://a,b,c/shop",
                                      "redis+sentinel://a,b/stall"};
  enum { COUNT = sizeof texts / sizeof texts[0] };
  struct arena *arena = arena_new(), *of_originals = arena_new();
  const struct redis_url *copies[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    struct redis_url url;
    CU_ASSERT_FATAL(status_is_ok(redis_url_parse(of_originals, texts[i], &url)));
    copies[i] = redis_url_copy(arena, &url);
    CU_ASSERT_TRUE(redis_url_equals(copies[i], &url));
  }
  arena_free(of_originals);
  for (size_t i = 0; i < COUNT; i++) {
    for (size_t j = 0; j < COUNT; j++) CU_ASSERT_EQUAL(redis_url_equals(copies[i], copies[j]), i == j);
  }
  arena_free(arena);
}

static const struct test tests[] = {
    {"Port and database have defaults", test_defaults},
    {"All parts of a URL are understood", test_all_parts},
    {"An IPv6 address stands in brackets", test_ipv6},
    {"Sentinels are listed, with the name of the master", test_sentinels},
    {"Nodes of a cluster are listed", test_cluster},
    {"What is no Redis URL is refused", test_refused},
    {"What is allowed is told by the scheme", test_what_is_allowed},
    {"A prefix has the slot of its first hash tag", test_slots},
    {"A cluster needs a prefix with a hash tag", test_prefix},
    {"A password in the URL is refused and not repeated", test_password},
    {"A copy is equal to its URL, and to no other one", test_copies},
};

int main(int argc, char **argv) {
  return suite_main("redis URL", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
