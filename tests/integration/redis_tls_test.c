/* SPDX-License-Identifier: Apache-2.0 */
/* TLS to Redis: a real server with two ports, one in plain text for the test and one by TLS for what it tests. */
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "captured_log.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "private_redis.h"
#include "redis/redis.h"
#include "redis_reason.h"
#include "suite.h"
#include "tls_redis.h"

enum { US_PER_MS = 1000, POLL_US = 2 * US_PER_MS };

static struct private_redis *server;

static struct tls_client *client;
static struct arena *client_arena;

static struct tls_client *client_of(const char *ca, const char *certificate) {
  client_arena = arena_new();
  client = tls_redis_client(client_arena, ca, certificate);
  return client;
}

/* After the loop has turned: a link that closes has a session still. */
static void in_coroutine_with_client(void (*body)(struct context *context)) {
  in_coroutine(body);
  tls_client_close(client);
  if (client) arena_free(client_arena);
  client = NULL;
}

/* Redis shows another certificate from the next connection on; each of the two settings is refused without its partner.
 */
static void server_shows(const char *name) {
  private_redis_command(server, "CONFIG SET tls-cert-file %s/%s.crt tls-key-file %s/%s.key", tls_redis_folder(), name,
                        tls_redis_folder(), name);
}

static int start_server(void) {
  server = tls_redis_start();
  tls_redis_shell(
      "make --life 0 shop issue old && make other ca && make other issue redis redis.test && "
      "make other issue client/eve");
  return 0;
}

static int stop_server(void) {
  tls_redis_free();
  return 0;
}

/* ---- names: this program's getaddrinfo stands before the C library's
 * -------------------------------------------------
 */

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* All names below "test" are 127.0.0.1. */
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc's names are its own
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret_addresses) {
  resolver *real = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
  const char *dot = name ? strrchr(name, '.') : NULL;
  return real(dot && strcmp(dot, ".test") == 0 ? "127.0.0.1" : name, service, hints, ret_addresses);
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

/* 0 means the usual one; short only where a test waits for its end. */
static int64_t connect_timeout_ms;

static struct redis *open_at(struct context *context, const char *scheme, const char *host, int port,
                             struct tls_client *tls) {
  struct redis *redis = NULL;
  const struct redis_options options = {.url = arena_printf(context->arena, "%s://%s:%d", scheme, host, port),
                                        .tls = tls,
                                        .purpose = "commands",
                                        .connect_timeout_ms = connect_timeout_ms};
  CU_ASSERT_FATAL(status_is_ok(redis_open(coroutine_loop(), context->arena, &options, &redis)));
  return redis;
}

static struct redis *open_tls(struct context *context, struct tls_client *tls) {
  return open_at(context, "rediss", "127.0.0.1", tls_redis_port(), tls);
}

static struct redis *open_ready(struct context *context) {
  struct redis *redis = open_tls(context, client_of("shop/ca.crt", NULL));
  CU_ASSERT_FATAL(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  return redis;
}

static bool generation_becomes(const struct redis *redis, const struct context *context, uint64_t generation) {
  while (redis_generation(redis) != generation || !redis_is_ready(redis)) {
    if (clock_monotonic_us() > context->deadline_us) return false;
    coroutine_sleep(POLL_US, context->deadline_us);
  }
  return true;
}

static struct status ping(struct redis *redis, struct context *context) {
  struct redis_arguments arguments = redis_arguments_of(context->arena, "PING");
  return redis_command(redis, context, &arguments, NULL);
}

/* ---- what goes over the connection ------------------------------------------------------------------------------ */

static void set_and_get(struct context *context) {
  enum { SIZE = 16 * 1024 * 1024 };
  static const size_t sizes[] = {0, 1, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 300 * 1024, SIZE};
  struct redis *redis = open_ready(context);
  char *bytes = malloc(SIZE);
  for (int i = 0; i < SIZE; i++) bytes[i] = (char)(i * 31 + i / 251);
  for (size_t i = 0; i < SUITE_SIZE(sizes); i++) {
    struct redis_arguments set = redis_command_of(context->arena, "SET", "value", NULL);
    struct redis_arguments get = redis_command_of(context->arena, "GET", "value", NULL);
    const struct redis_reply *reply = NULL;
    redis_add_bytes(&set, bytes, sizes[i]);
    CU_ASSERT(status_is_ok(redis_command(redis, context, &set, NULL)));
    CU_ASSERT_FATAL(status_is_ok(redis_command(redis, context, &get, &reply)));
    CU_ASSERT_FATAL(reply->type == REDIS_TEXT && reply->size == sizes[i]);
    CU_ASSERT(memcmp(reply->text, bytes, sizes[i]) == 0);
  }
  free(bytes);
  redis_close(redis);
}

static void test_sizes(void) {
  in_coroutine_with_client(set_and_get);
}

/* More than the socket takes at once, in commands of all sizes. Their answers are small: Redis itself may close a TLS
 * connection on which many big answers wait (docs/certificates.md, "Redis"). */
static void many_at_once(struct context *context) {
  enum { COMMANDS = 2000, MOST = 20 * 1000 };
  struct redis *redis = open_ready(context);
  static char bytes[MOST];
  static struct redis_pending *pending[COMMANDS];
  int64_t length = 0;
  private_redis_command(server, "DEL value");
  for (int i = 0; i < COMMANDS; i++) {
    struct redis_arguments append = redis_command_of(context->arena, "APPEND", "value", NULL);
    redis_add_bytes(&append, bytes, (size_t)(i * 7919 % MOST));
    pending[i] = redis_send(redis, context, &append);
  }
  for (int i = 0; i < COMMANDS; i++) {
    const struct redis_reply *reply = NULL;
    length += i * 7919 % MOST;
    CU_ASSERT_FATAL(status_is_ok(redis_receive(pending[i], &reply)));
    CU_ASSERT(redis_reply_number(reply, -1) == length);
  }
  CU_ASSERT(redis_generation(redis) == 1);
  redis_close(redis);
}

static void test_many(void) {
  in_coroutine_with_client(many_at_once);
}

static int64_t server_reads(void) {
  const char *stats = private_redis_command(server, "INFO stats");
  return atoll(strstr(stats, "total_reads_processed:") + strlen("total_reads_processed:"));
}

static void one_record(struct context *context) {
  enum { COMMANDS = 64 };
  struct redis *redis = open_ready(context);
  struct redis_arguments arguments = redis_arguments_of(context->arena, "PING");
  struct redis_pending *pending[COMMANDS];
  int64_t before = server_reads();
  for (int i = 0; i < COMMANDS; i++) pending[i] = redis_send(redis, context, &arguments);
  for (int i = 0; i < COMMANDS; i++) CU_ASSERT(status_is_ok(redis_receive(pending[i], NULL)));
  int64_t reads = server_reads() - before - 1; /* the second INFO is one of its own */
  CU_ASSERT(reads >= 1 && reads <= 2);
  redis_close(redis);
}

static void test_one_record(void) {
  in_coroutine_with_client(one_record);
}

static void older_tls(struct context *context) {
  private_redis_command(server, "CONFIG SET tls-protocols TLSv1.2");
  struct redis *redis = open_ready(context);
  CU_ASSERT(status_is_ok(ping(redis, context)));
  private_redis_command(server, "CONFIG SET tls-protocols %s", "");
  redis_close(redis);
}

static void test_older_tls(void) {
  in_coroutine_with_client(older_tls);
}

static void killed(struct context *context) {
  struct redis *redis = open_ready(context);
  struct redis_arguments arguments = redis_arguments_of(context->arena, "PING");
  private_redis_pause(server);
  struct redis_pending *pending = redis_send(redis, context, &arguments);
  coroutine_sleep(10 * US_PER_MS, context->deadline_us);
  private_redis_kill(server);
  struct status status = redis_receive(pending, NULL);
  CU_ASSERT(status.code == STATUS_UNAVAILABLE && strstr(status.message, "may have been executed") != NULL);
  private_redis_restart(server);
  CU_ASSERT(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  CU_ASSERT(status_is_ok(ping(redis, context)));
  redis_close(redis);
}

static void test_killed(void) {
  in_coroutine_with_client(killed);
}

/* ---- whom it believes ------------------------------------------------------------------------------------------- */

/* Is refused for `reason`, with one line in the log, until `mend` has run. */
static void refused_until(struct context *context, struct redis *redis, const char *reason, void (*mend)(void)) {
  captured_log_begin();
  bool refused = redis_reason_becomes(redis, context, reason);
  struct status status = ping(redis, context);
  coroutine_sleep(300 * US_PER_MS, context->deadline_us); /* several attempts fail meanwhile, none of them in the log */
  bool ready = redis_is_ready(redis);
  mend();
  bool back = status_is_ok(redis_wait_ready(redis, context->deadline_us));
  const char *log = captured_log_end(context->arena);
  CU_ASSERT(refused && !ready && back);
  CU_ASSERT(status.code == STATUS_UNAVAILABLE && strstr(status.message, reason) != NULL);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "REDIS_UNREACHABLE");
  CU_ASSERT(captured_log_count(log, "redis is away") == 1 && captured_log_count(log, reason) == 1 &&
            captured_log_count(log, "redis is back") == 1);
  redis_close(redis);
}

static void show_ours(void) {
  server_shows("shop/redis");
}

static void another_ca(struct context *context) {
  server_shows("other/redis");
  refused_until(context, open_tls(context, client_of("shop/ca.crt", NULL)),
                "its certificate is of another CA than those trusted by COUPON_REDIS_TLS_CA_FILE", show_ours);
}

static void test_another_ca(void) {
  in_coroutine_with_client(another_ca);
}

static void no_ca_of_the_system(struct context *context) {
  struct redis *redis = open_tls(context, client_of(NULL, NULL));
  CU_ASSERT(redis_reason_becomes(redis, context, "no CA that this system trusts: set COUPON_REDIS_TLS_CA_FILE"));
  redis_close(redis);
}

static void test_no_ca(void) {
  in_coroutine_with_client(no_ca_of_the_system);
}

static void expired(struct context *context) {
  server_shows("shop/old");
  refused_until(context, open_tls(context, client_of("shop/ca.crt", NULL)), "its certificate has expired", show_ours);
}

/* The connection is lost for another reason first; which one keeps it away is told as well. */
static void expired_meanwhile(struct context *context) {
  struct redis *redis = open_ready(context);
  captured_log_begin();
  server_shows("shop/old");
  private_redis_command(server, "CLIENT KILL TYPE normal");
  bool refused = redis_reason_becomes(redis, context, "its certificate has expired");
  coroutine_sleep(300 * US_PER_MS, context->deadline_us); /* several attempts fail meanwhile */
  show_ours();
  bool back = status_is_ok(redis_wait_ready(redis, context->deadline_us));
  const char *log = captured_log_end(context->arena);
  CU_ASSERT(refused && back);
  CU_ASSERT(captured_log_count(log, "redis is away") == 1 && captured_log_count(log, "redis is still away") == 1);
  CU_ASSERT(captured_log_count(log, "certificate has expired") == 1 && captured_log_count(log, "redis is back") == 1);
  redis_close(redis);
}

static void test_expired(void) {
  in_coroutine_with_client(expired);
  in_coroutine_with_client(expired_meanwhile);
}

static void names(struct context *context) {
  struct tls_client *tls = client_of("shop/ca.crt", NULL);
  static const char *const right[] = {"redis.test", "localhost", "127.0.0.1"}, *const wrong[] = {"other.test",
                                                                                                 "127.0.0.2"};
  for (size_t i = 0; i < SUITE_SIZE(right); i++) {
    struct redis *redis = open_at(context, "rediss", right[i], tls_redis_port(), tls);
    CU_ASSERT(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
    redis_close(redis);
  }
  for (size_t i = 0; i < SUITE_SIZE(wrong); i++) {
    struct redis *redis = open_at(context, "rediss", wrong[i], tls_redis_port(), tls);
    CU_ASSERT(redis_reason_becomes(redis, context, arena_printf(context->arena, "is not for %s", wrong[i])));
    CU_ASSERT(redis_generation(redis) == 0);
    redis_close(redis);
  }
}

static void test_names(void) {
  in_coroutine_with_client(names);
}

/* ---- who it is -------------------------------------------------------------------------------------------------- */

static void ask_nobody(void) {
  private_redis_command(server, "CONFIG SET tls-auth-clients no");
}

static void without_certificate(struct context *context) {
  private_redis_command(server, "CONFIG SET tls-auth-clients yes");
  refused_until(context, open_tls(context, client_of("shop/ca.crt", NULL)),
                "it wants a certificate from its callers: set COUPON_REDIS_TLS_CERTIFICATE_FILE", ask_nobody);
}

static void with_certificate(struct context *context) {
  private_redis_command(server, "CONFIG SET tls-auth-clients yes");
  struct redis *redis = open_tls(context, client_of("shop/ca.crt", "shop/client/ada"));
  CU_ASSERT(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  redis_close(redis);
}

static void with_certificate_of_another(struct context *context) {
  refused_until(context, open_tls(context, client_of("shop/ca.crt", "other/client/eve")),
                "it does not trust the CA of the certificate in COUPON_REDIS_TLS_CERTIFICATE_FILE", ask_nobody);
}

static void test_certificate(void) {
  in_coroutine_with_client(without_certificate);
  in_coroutine_with_client(with_certificate);
  in_coroutine_with_client(with_certificate_of_another);
}

/* In TLS 1.2 the server says so within the handshake. */
static void test_certificate_in_older_tls(void) {
  private_redis_command(server, "CONFIG SET tls-protocols TLSv1.2");
  in_coroutine_with_client(without_certificate);
  private_redis_command(server, "CONFIG SET tls-auth-clients yes");
  in_coroutine_with_client(with_certificate_of_another);
  private_redis_command(server, "CONFIG SET tls-protocols %s", "");
}

/* ---- one speaks TLS, the other doesn't -------------------------------------------------------------------------- */

static void plain_server(struct context *context) {
  connect_timeout_ms = 300;
  struct redis *redis =
      open_at(context, "rediss", "127.0.0.1", private_redis_port(server), client_of("shop/ca.crt", NULL));
  CU_ASSERT(redis_reason_becomes(redis, context, "handshake: does it speak TLS there?"));
  CU_ASSERT(redis_generation(redis) == 0);
  redis_close(redis);
  connect_timeout_ms = 0;
}

static void plain_client(struct context *context) {
  struct redis *redis = open_at(context, "redis", "127.0.0.1", tls_redis_port(), NULL);
  CU_ASSERT(redis_reason_becomes(redis, context, "without a word: does it speak TLS there?"));
  CU_ASSERT(redis_generation(redis) == 0);
  redis_close(redis);
}

static void test_plain(void) {
  in_coroutine_with_client(plain_server);
  in_coroutine_with_client(plain_client);
}

/* ---- the handshake breaks off ----------------------------------------------------------------------------------- */

/* Answers the first bytes of each connection with `answer`, and closes if `closes`. */
static struct {
  uv_tcp_t listener;
  const char *answer;
  size_t size;
  bool closes;
  int port;
} fake;

/* It reads a ClientHello at once, which has 1.5 KB with OpenSSL 3.5: who closes with a part of it unread resets the
 * connection. */
struct visitor {
  uv_tcp_t socket;
  char bytes[16 * 1024];
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
  uv_buf_t answer = uv_buf_init((char *)fake.answer, (unsigned)fake.size);
  (void)buffer;
  if (size > 0 && fake.size > 0) uv_try_write(stream, &answer, 1);
  if ((size < 0 || fake.closes) && !uv_is_closing((uv_handle_t *)stream)) {
    uv_close((uv_handle_t *)stream, on_visitor_closed);
  }
}

static void on_visitor(uv_stream_t *listener, int status) {
  struct visitor *visitor = calloc(1, sizeof *visitor);
  (void)status;
  uv_tcp_init(listener->loop, &visitor->socket);
  uv_accept(listener, (uv_stream_t *)&visitor->socket);
  uv_read_start((uv_stream_t *)&visitor->socket, on_buffer, on_read);
}

static void fake_start(const char *answer, size_t size, bool closes) {
  struct sockaddr_in address;
  int address_size = sizeof address;
  fake.answer = answer;
  fake.size = size;
  fake.closes = closes;
  uv_ip4_addr("127.0.0.1", 0, &address);
  uv_tcp_init(loop_uv(coroutine_loop()), &fake.listener);
  uv_tcp_bind(&fake.listener, (struct sockaddr *)&address, 0);
  CU_ASSERT_FATAL(uv_listen((uv_stream_t *)&fake.listener, 16, on_visitor) == 0);
  uv_tcp_getsockname(&fake.listener, (struct sockaddr *)&address, &address_size);
  fake.port = ntohs(address.sin_port);
}

static void met_with(struct context *context, const char *answer, size_t size, bool closes, const char *reason) {
  connect_timeout_ms = 300;
  fake_start(answer, size, closes);
  struct redis *redis = open_at(context, "rediss", "127.0.0.1", fake.port, client_of("shop/ca.crt", NULL));
  CU_ASSERT(redis_reason_becomes(redis, context, reason));
  CU_ASSERT(ping(redis, context).code == STATUS_UNAVAILABLE);
  redis_close(redis);
  uv_close((uv_handle_t *)&fake.listener, NULL);
  connect_timeout_ms = 0;
}

/* The beginning of a record that holds a ServerHello. */
static const char torn[] = "\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03";

/* Some tell in TLS that they speak nothing else. */
static void alerted(struct context *context) {
  fake_start("\x15\x03\x01\x00\x02\x02\x46", 7, true);
  struct redis *redis = open_at(context, "redis", "127.0.0.1", fake.port, NULL);
  CU_ASSERT(redis_reason_becomes(redis, context, "the server speaks TLS there: the Redis URL must begin with rediss"));
  redis_close(redis);
  uv_close((uv_handle_t *)&fake.listener, NULL);
}

static void silent(struct context *context) {
  met_with(context, "", 0, false, "took too long to answer the TLS handshake");
}

static void silent_after_some_bytes(struct context *context) {
  met_with(context, torn, sizeof torn - 1, false, "took too long to answer in the TLS handshake");
}

static void closed_at_once(struct context *context) {
  met_with(context, "", 0, true, "closed the connection, in the TLS handshake");
}

static void closed_after_some_bytes(struct context *context) {
  met_with(context, torn, sizeof torn - 1, true, "closed the connection, in the TLS handshake");
}

static void plain_answer(struct context *context) {
  met_with(context, "-ERR unknown command\r\n", 22, false, "it speaks no TLS there");
}

static void nonsense(struct context *context) {
  met_with(context, "\x16\x03\x03\x00\x05nonsense nonsense", 22, false, "TLS fails: ");
}

static void test_broken_off(void) {
  in_coroutine_with_client(alerted);
  in_coroutine_with_client(silent);
  in_coroutine_with_client(silent_after_some_bytes);
  in_coroutine_with_client(closed_at_once);
  in_coroutine_with_client(closed_after_some_bytes);
  in_coroutine_with_client(plain_answer);
  in_coroutine_with_client(nonsense);
}

static void closed_while_shaking_hands(struct context *context) {
  fake_start("", 0, false);
  struct redis *redis = open_at(context, "rediss", "127.0.0.1", fake.port, client_of("shop/ca.crt", NULL));
  coroutine_sleep(20 * US_PER_MS, context->deadline_us);
  redis_close(redis);
  uv_close((uv_handle_t *)&fake.listener, NULL);
}

static void test_closed_early(void) {
  in_coroutine_with_client(closed_while_shaking_hands);
}

/* ---- files that change ------------------------------------------------------------------------------------------ */

/* A connection that is made anew, again and again, until one has been made with the files as they are now. */
static bool comes_back(struct redis *redis, const struct context *context) {
  private_redis_command(server, "CLIENT KILL TYPE normal");
  return generation_becomes(redis, context, redis_generation(redis) + 1);
}

/* The server goes over to a certificate of another CA; who has been told of both beforehand doesn't notice. */
static void exchanged_ca(struct context *context) {
  tls_redis_shell("cp shop/ca.crt ca.crt");
  struct redis *redis = open_tls(context, client_of("ca.crt", NULL));
  CU_ASSERT_FATAL(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  tls_redis_shell("cat shop/ca.crt other/ca.crt >both.crt && mv both.crt ca.crt");
  server_shows("other/redis");
  CU_ASSERT(status_is_ok(ping(redis, context)) && redis_generation(redis) == 1);
  CU_ASSERT(comes_back(redis, context));
  show_ours();
  CU_ASSERT(comes_back(redis, context));
  redis_close(redis);
}

static void test_exchanged_ca(void) {
  in_coroutine_with_client(exchanged_ca);
}

/* New connections look at the files, so this makes some until the log, which is added to *log, tells what became of
 * them. */
static bool notices(struct context *context, const char **log, const char *part) {
  int64_t end_us = patience_end_us();
  while (!strstr(*log, part) && clock_monotonic_us() < end_us) {
    captured_log_begin();
    struct redis *newcomer = open_tls(context, client);
    (void)redis_wait_ready(newcomer, end_us);
    redis_close(newcomer);
    coroutine_sleep(200 * US_PER_MS, end_us);
    *log = arena_printf(context->arena, "%s%s", *log, captured_log_end(context->arena));
  }
  return strstr(*log, part) != NULL;
}

static void broken_file(struct context *context) {
  const char *log = "";
  tls_redis_shell("cp shop/ca.crt ca.crt");
  struct redis *redis = open_tls(context, client_of("ca.crt", NULL));
  CU_ASSERT_FATAL(status_is_ok(redis_wait_ready(redis, context->deadline_us)));
  tls_redis_shell("echo nonsense >ca.crt");
  CU_ASSERT(notices(context, &log, "new certificates are unfit"));
  CU_ASSERT(comes_back(redis, context));
  tls_redis_shell("cat shop/ca.crt shop/redis.crt >ca.crt");
  CU_ASSERT(notices(context, &log, "certificates read again"));
  CU_ASSERT(captured_log_count(log, "new certificates are unfit") == 1);
  CU_ASSERT(captured_log_count(log, "holds no certificate in PEM") == 1);
  redis_close(redis);
}

static void test_broken_file(void) {
  in_coroutine_with_client(broken_file);
}

static const struct test tests[] = {
    {"Commands and answers of all sizes pass", test_sizes},
    {"Thousands of commands at once pass, beyond what the socket takes", test_many},
    {"What a turn of the loop sends is one record", test_one_record},
    {"TLS 1.2 will do", test_older_tls},
    {"Killed Redis: commands under way are unavailable, and it recovers", test_killed},
    {"A server of another CA is refused, told once, and taken when it shows the right certificate", test_another_ca},
    {"Without a CA file the system's CAs count, which are not ours", test_no_ca},
    {"An expired certificate is refused, and its successor taken", test_expired},
    {"The certificate must be for the host of the URL, a name or an address", test_names},
    {"A server that wants a certificate gets one, and refuses none and another CA's", test_certificate},
    {"TLS 1.2 tells likewise of a certificate that lacks", test_certificate_in_older_tls},
    {"TLS on one side only is told as such", test_plain},
    {"A handshake that breaks off or stands still is given up, and told as such", test_broken_off},
    {"Closing in the handshake is fine", test_closed_early},
    {"A CA that is exchanged in its file counts for the next connection, without a restart", test_exchanged_ca},
    {"A broken CA file leaves the one before in use, and is told once", test_broken_file},
};

int main(int argc, char **argv) {
  return suite_main("TLS to Redis", tests, SUITE_SIZE(tests), start_server, stop_server, argc, argv);
}
