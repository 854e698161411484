/* SPDX-License-Identifier: Apache-2.0 */
/* What may answer at Redis' address, played by a server of the test's own. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "redis/redis.h"
#include "redis_reason.h"
#include "suite.h"

enum { POLL_US = 2000 };

/* Answers the first bytes of each connection with `answer`, and what comes later with +OK. */
struct fake {
  uv_tcp_t listener;
  char url[64];
  const char *answer; /* NULL means what came (a connection to itself would do that) */
  int connections;
};

struct visitor {
  uv_tcp_t socket;
  struct fake *fake;
  bool greeted;
  char bytes[1024];
};

static void on_visitor_closed(uv_handle_t *handle) {
  free(handle);
}

static void on_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_buffer) {
  struct visitor *visitor = (struct visitor *)handle;
  (void)wanted;
  *ret_buffer = uv_buf_init(visitor->bytes, sizeof visitor->bytes);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer) {
  struct visitor *visitor = (struct visitor *)stream;
  if (size < 0) {
    uv_close((uv_handle_t *)stream, on_visitor_closed);
    return;
  }
  const char *answer = visitor->greeted ? "+OK\r\n" : visitor->fake->answer;
  visitor->greeted = true;
  uv_buf_t out = uv_buf_init(buffer->base, (unsigned)size);
  if (answer) out = uv_buf_init((char *)answer, (unsigned)strlen(answer));
  uv_try_write(stream, &out, 1);
}

static void on_visitor(uv_stream_t *listener, int status) {
  struct visitor *visitor = calloc(1, sizeof *visitor);
  (void)status;
  visitor->fake = (struct fake *)listener;
  visitor->fake->connections++;
  uv_tcp_init(listener->loop, &visitor->socket);
  uv_accept(listener, (uv_stream_t *)&visitor->socket);
  uv_read_start((uv_stream_t *)&visitor->socket, on_buffer, on_read);
}

static void fake_start(struct fake *fake, const char *answer) {
  struct sockaddr_in address;
  int size = sizeof address;
  fake->answer = answer;
  fake->connections = 0;
  uv_ip4_addr("127.0.0.1", 0, &address);
  uv_tcp_init(loop_uv(coroutine_loop()), &fake->listener);
  uv_tcp_bind(&fake->listener, (struct sockaddr *)&address, 0);
  CU_ASSERT_FATAL(uv_listen((uv_stream_t *)&fake->listener, 16, on_visitor) == 0);
  uv_tcp_getsockname(&fake->listener, (struct sockaddr *)&address, &size);
  snprintf(fake->url, sizeof fake->url, "redis://127.0.0.1:%d", ntohs(address.sin_port));
}

static void fake_stop(struct fake *fake) {
  uv_close((uv_handle_t *)&fake->listener, NULL);
}

static struct redis *open_redis(struct context *context, const struct fake *fake) {
  struct redis *redis = NULL;
  struct redis_options options = {.url = fake->url, .connect_timeout_ms = 200};
  CU_ASSERT_FATAL(status_is_ok(redis_open(coroutine_loop(), context->arena, &options, &redis)));
  return redis;
}

/* CLIENT SETNAME, CLIENT ID, ROLE, PING. */
#define WELCOME "+OK\r\n:42\r\n*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n+PONG\r\n"

static struct fake fake; /* outlives the body: the loop closes its handles afterwards */

/* `answer` is refused for `reason`, again and again; when the server answers as it should, it is ready. */
static void refused_then_welcome(struct context *context, const char *answer, const char *reason) {
  fake_start(&fake, answer);
  struct redis *redis = open_redis(context, &fake);
  CU_ASSERT(redis_reason_becomes(redis, context, reason));
  while (fake.connections < 3 && clock_monotonic_us() < context->deadline_us) {
    CU_ASSERT(!redis_is_ready(redis));
    coroutine_sleep(POLL_US, context->deadline_us);
  }
  fake.answer = WELCOME;
  CU_ASSERT(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  CU_ASSERT(redis_client_id(redis) == 42);
  redis_close(redis);
  fake_stop(&fake);
}

static void loading(struct context *context) {
  refused_then_welcome(context, "+OK\r\n:7\r\n*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n-LOADING Redis is loading\r\n",
                       "LOADING");
}

static void test_loading(void) {
  in_coroutine(loading);
}

static void too_many_clients(struct context *context) {
  refused_then_welcome(context, "-ERR max number of clients reached\r\n", "max number of clients");
}

static void test_too_many_clients(void) {
  in_coroutine(too_many_clients);
}

static void other_protocol(struct context *context) {
  refused_then_welcome(context, "HTTP/1.1 400 Bad Request\r\n\r\n", "Protocol error");
}

static void test_other_protocol(void) {
  in_coroutine(other_protocol);
}

static void itself(struct context *context) {
  refused_then_welcome(context, NULL, "does not answer as Redis does");
}

static void test_itself(void) {
  in_coroutine(itself);
}

static void no_right_to_ask(struct context *context) {
  fake_start(&fake, "-NOPERM no\r\n-NOPERM no\r\n-NOPERM no\r\n-NOPERM no\r\n");
  struct redis *redis = open_redis(context, &fake);
  CU_ASSERT(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  CU_ASSERT(redis_client_id(redis) == 0 && redis_generation(redis) == 1);
  redis_close(redis);
  fake_stop(&fake);
}

static void test_no_right_to_ask(void) {
  in_coroutine(no_right_to_ask);
}

static const struct test tests[] = {
    {"A server that is loading its data is not ready yet", test_loading},
    {"A server that takes no more clients is tried again", test_too_many_clients},
    {"A server of another protocol is not ready", test_other_protocol},
    {"A connection that echoes is not ready", test_itself},
    {"A server that refuses everything of the greeting but the password is ready", test_no_right_to_ask},
};

int main(int argc, char **argv) {
  return suite_main("redis greeting", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
