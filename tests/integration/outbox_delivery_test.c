/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers send is delivered to the peer, in order, each message once as the peer counts (by its id), however long
 * the peer is away; and the handlers' other effects don't wait for it. */
#include <ordershop/v1/mail.pb-c.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/key_table.h"
#include "base/message.h"
#include "consumer/dead_letter_repair.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "rpc/rpc_server.h"
#include "shop_brand.h"
#include "store/log_clock.h"
#include "suite.h"
#include "watcher.h"

enum { US_PER_MS = 1000 };

static struct private_redis *redis;
static char folder[] = "/tmp/outbox_test.XXXXXX"; /* fail points */

/* ---- the peer --------------------------------------------------------------------------------------------------- */

/* Takes batches of mails; a mail's subject is the entry id of its event. */
struct peer {
  struct arena *arena;
  struct rpc_server *server;
  struct key_table *ids; /* of the mails taken */
  size_t calls, taken, again, out_of_order;
  char last[64];            /* subject of the last new mail */
  const char *refused_id;   /* INVALID_ARGUMENT for a batch that holds it */
  enum status_code failure; /* for every call; 0 if there is none */
  bool hangs;               /* calls wait until it is false */
};

static struct status send_one(struct rpc_call *call, const void *request, const void **ret_reply) {
  (void)call, (void)request, (void)ret_reply;
  return (struct status){.code = STATUS_UNIMPLEMENTED, .message = "not here"};
}

static bool is_later(const char *subject, const char *last) {
  long long ms = 0, us = 0, last_ms = 0, last_us = 0;
  sscanf(subject, "%lld-%lld", &ms, &us);
  sscanf(last, "%lld-%lld", &last_ms, &last_us);
  return ms > last_ms || (ms == last_ms && us > last_us);
}

static void take_mail(struct peer *peer, const Ordershop__V1__Mail *mail) {
  void **known = key_table_at(peer->ids, mail->id);
  if (*known) {
    peer->again++;
    return;
  }
  *known = peer;
  peer->taken++;
  if (!is_later(mail->subject, peer->last)) peer->out_of_order++;
  snprintf(peer->last, sizeof peer->last, "%s", mail->subject);
}

static struct status send_batch(struct rpc_call *call, const void *request, const void **ret_reply) {
  struct peer *peer = call->service;
  const Ordershop__V1__BatchSendMailsRequest *batch = request;
  peer->calls++;
  while (peer->hangs) coroutine_sleep(2 * US_PER_MS, DEADLINE_NEVER);
  if (peer->failure) return status_error(call->context.arena, peer->failure, "FAILURE", "as set");
  for (size_t i = 0; i < batch->n_mails; i++) {
    if (!peer->refused_id || strcmp(batch->mails[i]->id, peer->refused_id) != 0) continue;
    return status_error(call->context.arena, STATUS_INVALID_ARGUMENT, "FIELD_INVALID", "this mail is wrong");
  }
  for (size_t i = 0; i < batch->n_mails; i++) take_mail(peer, batch->mails[i]);
  *ret_reply = message_new(call->context.arena, &ordershop__v1__batch_send_mails_response__descriptor);
  return status_ok();
}

static const struct rpc_method methods[] = {
    {.name = "SendMail", .handler = send_one},
    {.name = "BatchSendMails", .handler = send_batch},
    {.name = "GetMail", .handler = send_one},
    {.name = "ListMails", .handler = send_one},
};

/* What the peer has taken stays known over its restarts. */
static void peer_open(struct peer *peer, struct context *context, int port) {
  struct rpc_service *service = arena_calloc(context->arena, 1, sizeof *service);
  *service = (struct rpc_service){
      .descriptor = &ordershop__v1__mail_service__descriptor, .methods = ROWS(methods), .user = peer};
  struct rpc_server_options server_options = {.brand = &shop_brand,
                                              .listen = arena_printf(context->arena, "127.0.0.1:%d", port)};
  if (!peer->ids) peer->ids = key_table_new(context->arena);
  struct status status = rpc_server_open(coroutine_loop(), context->arena, &server_options, service, 1, &peer->server);
  CU_ASSERT_TRUE_FATAL(status_is_ok(status));
  rpc_server_start(peer->server);
}

static void peer_close(struct peer *peer) {
  rpc_server_drain(peer->server, 1000);
  rpc_server_free(peer->server);
}

static struct watcher start_with_lease(struct context *context, int port, int64_t lease_ms) {
  struct watcher_options options = {.url = private_redis_url(redis),
                                    .lease_ms = lease_ms,
                                    .mail_address = arena_printf(context->arena, "ipv4:127.0.0.1:%d", port)};
  return watcher_start(context->arena, &options);
}

static struct watcher start(struct context *context, int port) {
  return start_with_lease(context, port, 300);
}

static void run(void (*body)(struct context *context)) {
  private_redis_command(redis, "FLUSHALL");
  in_coroutine(body);
}

static bool takes(struct context *context, struct peer *peer, size_t mails) {
  while (peer->taken < mails && clock_monotonic_us() < context->deadline_us) {
    coroutine_sleep(2 * US_PER_MS, context->deadline_us);
  }
  return peer->taken == mails;
}

static bool outbox_empties(struct context *context) {
  while (private_redis_number(redis, "LLEN watcher_outbox") > 0) {
    if (clock_monotonic_us() >= context->deadline_us) return false;
    coroutine_sleep(2 * US_PER_MS, context->deadline_us);
  }
  return true;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void deliver(struct context *context) {
  struct peer peer = {0};
  peer_open(&peer, context, 0);
  struct watcher watcher = start(context, rpc_server_port(peer.server));
  watcher_append(watcher.store, context, "customer_created", "a", 0, 95, "mail");
  CU_ASSERT_TRUE(takes(context, &peer, 95));
  CU_ASSERT_EQUAL(peer.out_of_order, 0);
  CU_ASSERT_EQUAL(peer.again, 0);
  CU_ASSERT(peer.calls >= 10); /* batches of at most 10 */
  CU_ASSERT_TRUE(outbox_empties(context));
  watcher_stop(&watcher);
  peer_close(&peer);
}

static void test_messages_are_delivered_in_order(void) {
  run(deliver);
}

static bool is_called(void *argument) {
  return ((struct peer *)argument)->calls > 0;
}

static int64_t range_reads(void) {
  const char *stats = private_redis_command(redis, "INFO commandstats");
  const char *at = stats ? strstr(stats, "cmdstat_lrange:calls=") : NULL;
  return at ? strtoll(at + strlen("cmdstat_lrange:calls="), NULL, 10) : 0;
}

/* Of each message a range of the list is looked at once, when it is removed. The deliverer looks at it once a second.
 */
static void hand_over(struct context *context) {
  enum { EVENTS = 100 };
  struct peer peer = {0};
  peer_open(&peer, context, 0);
  struct watcher watcher = start_with_lease(context, rpc_server_port(peer.server), 30000);
  watcher_append(watcher.store, context, "customer_created", "a", 0, 1, "mail");
  CU_ASSERT_TRUE(takes(context, &peer, 1));
  CU_ASSERT_TRUE(outbox_empties(context));
  int64_t before = range_reads(), begin_us = clock_monotonic_us();
  for (int i = 1; i <= EVENTS; i++) {
    watcher_append(watcher.store, context, "customer_created", "a", i, 1, "mail");
    CU_ASSERT_TRUE(takes(context, &peer, (size_t)i + 1));
  }
  int64_t seconds = (clock_monotonic_us() - begin_us) / 1000000 + 1;
  CU_ASSERT(range_reads() - before <= EVENTS + 3 * seconds);
  CU_ASSERT_TRUE(outbox_empties(context)); /* though nothing more is committed */
  CU_ASSERT_EQUAL(peer.out_of_order, 0);
  CU_ASSERT_EQUAL(peer.again, 0);
  watcher_stop(&watcher);
  peer_close(&peer);
}

static void test_commits_hand_over(void) {
  run(hand_over);
}

/* Two more messages wait while the peer hangs with the first. Then somebody takes that off the list. */
static void share_the_list(struct context *context) {
  struct peer peer = {.hangs = true};
  peer_open(&peer, context, 0);
  struct watcher watcher = start(context, rpc_server_port(peer.server));
  watcher_append(watcher.store, context, "customer_created", "a", 0, 1, "mail");
  CU_ASSERT_TRUE(eventually(context, is_called, &peer));
  watcher_append(watcher.store, context, "customer_created", "b", 0, 2, "mail");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 3));
  private_redis_command(redis, "LPOP watcher_outbox");
  peer.hangs = false;
  CU_ASSERT_TRUE(takes(context, &peer, 3));
  CU_ASSERT_TRUE(outbox_empties(context));
  watcher_stop(&watcher);
  peer_close(&peer);
}

static void test_list_that_others_change_loses_nothing(void) {
  run(share_the_list);
}

static void wait_for_the_peer(struct context *context) {
  struct peer peer = {0};
  peer_open(&peer, context, 0);
  int port = rpc_server_port(peer.server);
  peer_close(&peer);
  struct watcher watcher = start(context, port);
  watcher_append(watcher.store, context, "customer_created", "a", 0, 200, "mail");
  /* Local effects are made, positions move, and nothing is lost, while the peer is away. */
  CU_ASSERT_TRUE(watcher_handles(redis, context, 200));
  struct position now;
  CU_ASSERT_TRUE(status_is_ok(clock_tick(watcher.store, context, &now)));
  CU_ASSERT_TRUE(status_is_ok(consumer_wait_for(watcher.consumer, context, position_text(context->arena, &now))));
  CU_ASSERT_TRUE(consumer_is_ready(watcher.consumer));
  coroutine_sleep(300 * US_PER_MS, DEADLINE_NEVER);
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_outbox"), 200);

  peer_open(&peer, context, port);
  CU_ASSERT_TRUE(takes(context, &peer, 200));
  CU_ASSERT_EQUAL(peer.out_of_order, 0);
  CU_ASSERT_TRUE(outbox_empties(context));
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_parked:outbox"), 0);
  watcher_stop(&watcher);
  peer_close(&peer);
}

static void test_peer_may_be_away(void) {
  run(wait_for_the_peer);
}

static void outlast_failures(struct context *context) {
  static const enum status_code failures[] = {STATUS_UNAVAILABLE, STATUS_RESOURCE_EXHAUSTED, STATUS_INTERNAL,
                                              STATUS_UNIMPLEMENTED, STATUS_PERMISSION_DENIED};
  struct peer peer = {0};
  peer_open(&peer, context, 0);
  struct watcher watcher = start(context, rpc_server_port(peer.server));
  for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
    peer.failure = failures[i];
    size_t calls = peer.calls;
    watcher_append(watcher.store, context, "customer_created", "a", (int64_t)i * 20, 20, "mail");
    while (peer.calls < calls + 2) coroutine_sleep(2 * US_PER_MS, context->deadline_us);
    peer.failure = STATUS_OK;
    CU_ASSERT_TRUE(takes(context, &peer, (i + 1) * 20));
  }
  CU_ASSERT_EQUAL(peer.out_of_order, 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_parked:outbox"), 0);
  watcher_stop(&watcher);
  peer_close(&peer);
}

static void test_failures_that_are_no_refusal_dead_letter_nothing(void) {
  run(outlast_failures);
}

static bool has_dead_letters(void *wanted) {
  return private_redis_number(redis, "LLEN watcher_parked:outbox") == *(const int64_t *)wanted;
}

static bool dead_letters_are(struct context *context, int64_t wanted) {
  return eventually(context, has_dead_letters, &wanted);
}

/* The third event's mail is refused. */
static void dead_letter_refused(struct context *context) {
  struct peer peer = {0};
  peer_open(&peer, context, 0);
  struct watcher watcher = start(context, rpc_server_port(peer.server));
  peer.failure = STATUS_UNAVAILABLE;
  watcher_append(watcher.store, context, "customer_created", "a", 0, 30, "mail");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 30));
  const char *id = "";
  const char *events = private_redis_command(redis, "XRANGE events:customer_created - + COUNT 3");
  for (const char *at = events; (at = strstr(at, "event_id\n")); at++) id = at + strlen("event_id\n");
  peer.refused_id = arena_printf(context->arena, "%.36s", id);
  peer.failure = STATUS_OK;
  CU_ASSERT_TRUE(takes(context, &peer, 29));
  CU_ASSERT_TRUE(outbox_empties(context));
  CU_ASSERT_EQUAL(peer.out_of_order, 0);
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:outbox"), 1);
  const char *parked = private_redis_command(redis, "LINDEX watcher_parked:outbox 0");
  CU_ASSERT_TRUE(parked && strstr(parked, peer.refused_id));
  watcher_stop(&watcher);
  peer_close(&peer);
}

static void test_refused_message_is_dead_lettered_alone(void) {
  run(dead_letter_refused);
}

static bool no_retry_is_left(void *argument) {
  (void)argument;
  return private_redis_number(redis, "EXISTS watcher_parked_retries") == 0;
}

static bool nothing_is_registered(void *argument) {
  (void)argument;
  return private_redis_number(redis, "EXISTS watcher_parked_lists watcher_parked_keys") == 0;
}

static void ask_retry(struct watcher *watcher, struct context *context) {
  struct redis_arguments keys = redis_arguments_empty(context->arena);
  redis_add_text(&keys, "outbox");
  const struct operation operation = {.by = "ada", .action = "retry", .subject = "outbox", .id = "", .reason = ""};
  CU_ASSERT_TRUE(status_is_ok(dead_letters_ask_retry(watcher->store, context, &keys, &operation)));
  CU_ASSERT_TRUE(eventually(context, no_retry_is_left, NULL));
}

/* First the peer refuses it again, then it takes it. */
static void retry_a_message(struct context *context) {
  struct peer peer = {0};
  peer_open(&peer, context, 0);
  struct watcher watcher = start(context, rpc_server_port(peer.server));
  peer.failure = STATUS_INVALID_ARGUMENT;
  watcher_append(watcher.store, context, "customer_created", "a", 0, 3, "mail");
  CU_ASSERT_TRUE(dead_letters_are(context, 3));
  struct dead_letter_sight *sights;
  size_t count;
  CU_ASSERT_TRUE(status_is_ok(dead_letters_read(watcher.store, context, "outbox", 0, 10, &sights, &count)));
  CU_ASSERT_EQUAL_FATAL(count, 3);
  CU_ASSERT_STRING_EQUAL(sights[0].note.reason, "as set");
  CU_ASSERT_EQUAL(sights[0].note.attempts, 1);
  CU_ASSERT_PTR_NULL(sights[0].event.stream);
  ask_retry(&watcher, context);
  CU_ASSERT_TRUE(dead_letters_are(context, 3));
  CU_ASSERT_TRUE(outbox_empties(context));
  peer.failure = STATUS_OK;
  ask_retry(&watcher, context);
  CU_ASSERT_TRUE(takes(context, &peer, 3));
  CU_ASSERT_EQUAL(peer.out_of_order, 0);
  CU_ASSERT_TRUE(outbox_empties(context));
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS watcher_parked:outbox watcher_parked_notes"), 0);
  CU_ASSERT_TRUE(eventually(context, nothing_is_registered, NULL));
  watcher_stop(&watcher);
  peer_close(&peer);
}

static void test_refused_messages_are_retried(void) {
  run(retry_a_message);
}

static void dead_letter_undecodable(struct context *context) {
  struct peer peer = {0};
  peer_open(&peer, context, 0);
  struct watcher watcher = start(context, rpc_server_port(peer.server));
  private_redis_command(redis, "RPUSH watcher_outbox %s", "\xff\xff");
  watcher_append(watcher.store, context, "customer_created", "a", 0, 5, "mail");
  CU_ASSERT_TRUE(takes(context, &peer, 5));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_parked:outbox"), 1);
  watcher_stop(&watcher);
  peer_close(&peer);
}

static void test_undecodable_message_is_dead_lettered(void) {
  run(dead_letter_undecodable);
}

static void restart_again_and_again(struct context *context) {
  struct peer peer = {0};
  peer_open(&peer, context, 0);
  int port = rpc_server_port(peer.server);
  for (int i = 0; i < 10; i++) {
    struct watcher watcher = start(context, port);
    watcher_append(watcher.store, context, "customer_created", "a", i * 100, 100, "mail");
    if (i % 2) coroutine_sleep(i * 5 * US_PER_MS, DEADLINE_NEVER);
    watcher_stop(&watcher);
  }
  struct watcher watcher = start(context, port);
  CU_ASSERT_TRUE(takes(context, &peer, 1000));
  CU_ASSERT_TRUE(outbox_empties(context));
  CU_ASSERT_EQUAL(peer.out_of_order, 0);
  watcher_stop(&watcher);
  peer_close(&peer);
}

static void test_restarts_lose_no_message(void) {
  run(restart_again_and_again);
}

static bool is_leader(void *argument) {
  return watcher_epoch(argument) != 0;
}

/* While the call is under way another leader delivers the first ten and ends; then this one gets the lease again. */
static void answer_under_a_later_lease(struct context *context) {
  struct peer peer = {.hangs = true};
  peer_open(&peer, context, 0);
  struct watcher watcher = start(context, rpc_server_port(peer.server));
  watcher_append(watcher.store, context, "customer_created", "a", 0, 10, "mail");
  CU_ASSERT_TRUE(eventually(context, is_called, &peer));
  watcher_append(watcher.store, context, "customer_created", "b", 0, 5, "mail");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 15));
  private_redis_command(redis, "LTRIM watcher_outbox 10 -1");
  int64_t epoch = watcher_epoch(&watcher);
  private_redis_command(redis, "DEL watcher_lease");
  while (!is_leader(&watcher) || watcher_epoch(&watcher) == epoch) {
    coroutine_sleep(2 * US_PER_MS, context->deadline_us);
  }
  peer.hangs = false;
  CU_ASSERT_TRUE(takes(context, &peer, 15));
  CU_ASSERT_TRUE(outbox_empties(context));
  watcher_stop(&watcher);
  peer_close(&peer);
}

static void test_answer_under_a_later_lease_removes_nothing(void) {
  run(answer_under_a_later_lease);
}

struct stopping {
  struct watcher watcher;
  bool stopped;
};

static void stop(void *argument) {
  struct stopping *stopping = argument;
  watcher_stop(&stopping->watcher);
  stopping->stopped = true;
}

static bool is_stopped(void *argument) {
  return ((struct stopping *)argument)->stopped;
}

static bool lease_is_free(void *argument) {
  (void)argument;
  return private_redis_number(redis, "EXISTS watcher_lease") == 0;
}

/* It is free while the call is still under way: then the answer can remove the message. */
static void stop_while_the_peer_hangs(struct context *context) {
  struct peer peer = {.hangs = true};
  peer_open(&peer, context, 0);
  struct stopping stopping = {.watcher = start(context, rpc_server_port(peer.server))};
  watcher_append(stopping.watcher.store, context, "customer_created", "a", 0, 1, "mail");
  CU_ASSERT_TRUE(eventually(context, is_called, &peer));
  loop_spawn(coroutine_loop(), stop, &stopping);
  CU_ASSERT_TRUE(eventually(context, lease_is_free, NULL));
  peer.hangs = false;
  CU_ASSERT_TRUE(eventually(context, is_stopped, &stopping));
  CU_ASSERT_EQUAL(private_redis_number(redis, "LLEN watcher_outbox"), 0);
  CU_ASSERT_EQUAL(peer.taken, 1);
  peer_close(&peer);
}

static void test_hanging_peer_does_not_hold_the_lease(void) {
  run(stop_while_the_peer_hangs);
}

#ifdef FAIL_POINTS

static void path_of(const char *point, const char *suffix, char path[128]) {
  snprintf(path, 128, "%s/%s%s", folder, point, suffix);
}

static void lose_answer(struct context *context, const char *point) {
  char armed[128], hit[128];
  path_of(point, "", armed);
  path_of(point, ".hit", hit);
  FILE *file = fopen(armed, "w");
  fputs("error", file);
  fclose(file);
  while (access(hit, F_OK) != 0 && clock_monotonic_us() < context->deadline_us) {
    coroutine_sleep(US_PER_MS, context->deadline_us);
  }
  CU_ASSERT_EQUAL(unlink(hit), 0);
}

static void lose_answers(struct context *context) {
  struct peer peer = {0};
  peer_open(&peer, context, 0);
  struct watcher watcher = start(context, rpc_server_port(peer.server));
  peer.failure = STATUS_UNAVAILABLE;
  watcher_append(watcher.store, context, "customer_created", "a", 0, 50, "mail");
  CU_ASSERT_TRUE(watcher_handles(redis, context, 50));
  peer.failure = STATUS_OK;
  lose_answer(context, "outbox.after_delivery");
  CU_ASSERT_TRUE(takes(context, &peer, 50));
  CU_ASSERT_TRUE(outbox_empties(context));
  CU_ASSERT_EQUAL(peer.again, 10);
  CU_ASSERT_EQUAL(peer.out_of_order, 0);
  watcher_stop(&watcher);
  peer_close(&peer);
}

static void test_lost_answer_delivers_again(void) {
  run(lose_answers);
}

#endif

static int set_up(void) {
  if (!mkdtemp(folder)) return 1;
  setenv("FAIL_POINT_DIR", folder, 1);
  redis = private_redis_start(NULL);
  return 0;
}

static int tear_down(void) {
  private_redis_free(redis);
  rmdir(folder);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"messages are delivered in order, in batches", test_messages_are_delivered_in_order},
      {"what is committed is delivered without being read", test_commits_hand_over},
      {"a list that others change, too, loses no message", test_list_that_others_change_loses_nothing},
      {"the peer may be away, and local effects don't wait", test_peer_may_be_away},
      {"failures that are no refusal dead-letter nothing", test_failures_that_are_no_refusal_dead_letter_nothing},
      {"a refused message is dead-lettered alone", test_refused_message_is_dead_lettered_alone},
      {"messages that were refused are delivered when they are retried, in order", test_refused_messages_are_retried},
      {"an undecodable message is dead-lettered", test_undecodable_message_is_dead_lettered},
      {"restarts lose no message", test_restarts_lose_no_message},
      {"an answer that comes under a later lease removes nothing", test_answer_under_a_later_lease_removes_nothing},
      {"a replica that stops while the peer hangs gives the lease back", test_hanging_peer_does_not_hold_the_lease},
#ifdef FAIL_POINTS
      {"a lost answer delivers again, which the peer knows by the id", test_lost_answer_delivers_again},
#endif
  };
  return suite_main("outbox", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
