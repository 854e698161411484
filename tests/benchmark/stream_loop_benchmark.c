/* SPDX-License-Identifier: Apache-2.0 */
/* The least that reading a stream costs: a loop of XREADGROUP and XACK, which does nothing with what it reads.
 *
 *   stream_loop_benchmark PORT KEY [COUNT]     the whole stream by a group of its own, COUNT (256) entries at a time
 *
 * Prints the entries a second. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

static redisReply *ask(redisContext *redis, const char *format, ...) __attribute__((format(printf, 2, 3)));

static redisReply *ask(redisContext *redis, const char *format, ...) {
  va_list values;
  va_start(values, format);
  redisReply *reply = redisvCommand(redis, format, values);
  va_end(values);
  if (!reply || reply->type == REDIS_REPLY_ERROR) {
    fprintf(stderr, "%s\n", reply ? reply->str : redis->errstr);
    exit(1);
  }
  return reply;
}

/* Acknowledges all entries of a page in one command. */
static void acknowledge(redisContext *redis, const char *key, const redisReply *entries) {
  const char **words = calloc(entries->elements + 3, sizeof(*words));
  if (!words) exit(1);
  words[0] = "XACK", words[1] = key, words[2] = "benchmark";
  for (size_t i = 0; i < entries->elements; i++) words[3 + i] = entries->element[i]->element[0]->str;
  freeReplyObject(redisCommandArgv(redis, (int)entries->elements + 3, words, NULL));
  free(words);
}

static size_t read_all(redisContext *redis, const char *key, int page) {
  size_t count = 0;
  for (;;) {
    redisReply *reply = ask(redis, "XREADGROUP GROUP benchmark one COUNT %d STREAMS %s >", page, key);
    if (reply->type != REDIS_REPLY_ARRAY) {
      freeReplyObject(reply);
      return count;
    }
    const redisReply *entries = reply->element[0]->element[1];
    count += entries->elements;
    acknowledge(redis, key, entries);
    freeReplyObject(reply);
  }
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  redisContext *redis = redisConnect("127.0.0.1", atoi(argv[1]));
  if (!redis || redis->err) return 1;
  freeReplyObject(ask(redis, "XGROUP CREATE %s benchmark 0", argv[2]));
  int64_t begun_us = clock_monotonic_us();
  size_t count = read_all(redis, argv[2], argc > 3 ? atoi(argv[3]) : 256);
  int64_t took_us = clock_monotonic_us() - begun_us;
  freeReplyObject(ask(redis, "XGROUP DESTROY %s benchmark", argv[2]));
  printf("%.0f\n", (double)count * 1e6 / (double)(took_us > 0 ? took_us : 1));
  redisFree(redis);
  return 0;
}
