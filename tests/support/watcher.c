/* SPDX-License-Identifier: Apache-2.0 */
#include "watcher.h"

#include <fcntl.h>
#include <inttypes.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/mail.pb-c.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/uuid.h"
#include "consumer/lease.h"
#include "consumer/progress.h"
#include "foreign_reader.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "shop_brand.h"

enum { POLL_US = 2000, APPEND_AT_ONCE = 250 };

const struct view watcher_seen = {.name = "seen", .record = &ordershop__v1__customer__descriptor};

const struct entity_type watcher_finding = {.name = "finding", .descriptor = &ordershop__v1__customer__descriptor};

/* ---- handlers --------------------------------------------------------------------------------------------------- */

static const char *key_of(const struct event *event) {
  return ((const Ordershop__V1__Customer *)event->entity)->id;
}

/* Of the watcher that was started last. */
static struct watcher_options own;

static void want(struct work *work, const struct event *event) {
  if (own.want) own.want(work, event);
  work_want(work, &watcher_seen, key_of(event));
}

static struct status away(struct work *work) {
  struct arena *arena = work_arena(work);
  struct redis *redis = work_store(work)->commands;
  struct redis_arguments exists = redis_command_of(arena, "EXISTS", redis_key(redis, arena, "watcher_away"), NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(redis, work_context(work), &exists, &reply);
  if (!status_is_ok(status) || reply->number == 0) return status;
  return status_error(arena, STATUS_UNAVAILABLE, "AWAY", "what the handler needs is away");
}

static void send_mail(struct work *work, const struct event *event) {
  Ordershop__V1__Mail mail = ORDERSHOP__V1__MAIL__INIT;
  mail.id = (char *)event->event_id;
  mail.subject = (char *)event->id;
  work_send(work, &mail);
}

static void create_finding(struct work *work, const struct event *event) {
  Ordershop__V1__Customer *finding = message_new(work_arena(work), &ordershop__v1__customer__descriptor);
  finding->id = (char *)event->event_id;
  work_create(work, &watcher_finding, finding, event);
}

static struct status change_finding(struct work *work, const struct event *event) {
  void *finding;
  struct status status = entity_load(work_store(work), work_context(work), &watcher_finding, WATCHER_FINDING, &finding);
  if (status.code == STATUS_NOT_FOUND) {
    Ordershop__V1__Customer *first = message_new(work_arena(work), &ordershop__v1__customer__descriptor);
    first->id = (char *)WATCHER_FINDING;
    work_create(work, &watcher_finding, first, event);
    return status_ok();
  }
  if (status_is_ok(status)) work_update(work, &watcher_finding, finding, event);
  return status;
}

static struct status obey(struct work *work, const struct event *event, const char *name) {
  if (strcmp(name, "refuse") == 0) {
    return status_error(work_arena(work), STATUS_INVALID_ARGUMENT, "REFUSED", "as asked");
  }
  if (strcmp(name, "crash") == 0) kill(getpid(), SIGKILL);
  if (strcmp(name, "away") == 0) return away(work);
  if (strcmp(name, "mail") == 0) send_mail(work, event);
  if (strcmp(name, "again") == 0) return change_finding(work, event);
  if (strcmp(name, "found") == 0) create_finding(work, event);
  if (own.obey) return own.obey(work, event, name);
  return status_ok();
}

static void note_effect(struct work *work, const struct event *event) {
  struct redis_arguments values = redis_arguments_empty(work_arena(work));
  redis_add_text(&values, event->id);
  transaction_push(work_transaction(work), redis_key(work_store(work)->commands, work_arena(work), "watcher_effects"),
                   &values);
}

static struct status apply(struct work *work, const struct event *event) {
  const Ordershop__V1__Customer *customer = event->entity;
  note_effect(work, event);
  void *seen;
  struct status status = work_get(work, &watcher_seen, customer->id, &seen);
  if (!status_is_ok(status)) return status;
  work_put(work, &watcher_seen, customer->id, customer);
  return obey(work, event, customer->name);
}

static struct status apply_deleted(struct work *work, const struct event *event) {
  note_effect(work, event);
  work_remove(work, &watcher_seen, key_of(event));
  return status_ok();
}

/* ---- runs: effects made by a fenced function of the watcher's own -------------------------------------------------
 */

/* KEYS: lease's epoch, positions, effects. ARGV: epoch, then stream and entry id of each event. */
static const char run_source[] =
    "redis.register_function('@LIBRARY@_run', function(keys, argv)\n"
    "  if redis.call('GET', keys[1]) ~= argv[1] then return 0 end\n"
    "  local positions = {}\n"
    "  for i = 2, #argv, 2 do\n"
    "    local stream, id = argv[i], argv[i + 1]\n"
    "    local position = redis.call('HGET', keys[2], stream) or '0-0'\n"
    "    local ms, us = string.match(position, '(%d+)-(%d+)')\n"
    "    local id_ms, id_us = string.match(id, '(%d+)-(%d+)')\n"
    "    if id_ms * 1000 + id_us > ms * 1000 + us then\n"
    "      redis.call('RPUSH', keys[3], id)\n"
    "      redis.call('HSET', keys[2], stream, id)\n"
    "    end\n"
    "  end\n"
    "  return 1\n"
    "end)\n";

/* A dead letter is taken off with its effect, by a transaction: a function would not know what to take. */
static struct status apply_retried(struct work *work, const struct event *event) {
  struct event_store *store = work_store(work);
  struct arena *arena = work_arena(work);
  const Ordershop__V1__Customer *customer = event->entity;
  struct status status = obey(work, event, customer->name);
  if (!status_is_ok(status)) return status;
  struct transaction transaction = transaction_of(store, arena);
  transaction_require_value(&transaction, lease_epoch_key(store, arena), work_epoch(work));
  dead_letter_take(&transaction, work_retried(work));
  struct redis_arguments effect = redis_arguments_empty(arena);
  redis_add_text(&effect, event->id);
  transaction_push(&transaction, redis_key(store->commands, arena, "watcher_effects"), &effect);
  struct transaction_result result;
  status = transaction_run(&transaction, work_context(work), &result);
  bool lost = status_is_ok(status) && result.outcome == TRANSACTION_REFUSED && result.refused_by == 1;
  return lost ? lease_lost(arena) : status;
}

static struct status apply_run(struct work *work, const struct event *const *events, size_t count) {
  if (work_retried(work)) return apply_retried(work, events[0]);
  struct event_store *store = work_store(work);
  struct arena *arena = work_arena(work);
  struct redis_library *library = event_library_new(arena, "watcher", run_source);
  struct redis_arguments keys = redis_arguments_empty(arena), values = redis_arguments_empty(arena);
  redis_add_text(&keys, lease_epoch_key(store, arena));
  redis_add_text(&keys, consumer_position_key(store, arena));
  redis_add_text(&keys, redis_key(store->commands, arena, "watcher_effects"));
  redis_add_text(&values, work_epoch(work));
  for (size_t i = 0; i < count; i++) {
    const Ordershop__V1__Customer *customer = events[i]->entity;
    struct status status = obey(work, events[i], customer->name);
    if (!status_is_ok(status)) return status;
    redis_add_text(&values, events[i]->stream);
    redis_add_text(&values, events[i]->id);
  }
  const struct redis_reply *reply;
  struct status status =
      redis_function_call(store->commands, work_context(work), library, "run", &keys, &values, &reply);
  if (!status_is_ok(status)) return status;
  return reply->number == 1 ? status_ok() : lease_lost(work_arena(work));
}

#define CUSTOMER .entity = &ordershop__v1__customer__descriptor

static const struct subscription by_events[] = {
    {CUSTOMER, .created = apply, .updated = apply, .want = want},
    {CUSTOMER, .deleted = apply_deleted},
};

static const struct subscription by_runs[] = {
    {CUSTOMER, .created_run = apply_run, .updated_run = apply_run, .deleted = apply_deleted},
};

static const struct subscription by_owners[] = {
    {CUSTOMER, .owner = "first", .created = apply, .updated = apply, .want = want},
    {CUSTOMER, .owner = "second", .deleted = apply_deleted},
};

/* ---- life ------------------------------------------------------------------------------------------------------- */

static const struct outbox_route mails = {.service = &ordershop__v1__mail_service__descriptor,
                                          .method = "BatchSendMails",
                                          .message = &ordershop__v1__mail__descriptor,
                                          .batch_messages = 10};

static struct rpc_channel *open_channel(struct arena *arena, const char *address) {
  static const struct rpc_channel_options options = {.brand = &shop_brand, .peer = "mail"};
  struct rpc_channel *channel = NULL;
  rpc_channel_open(coroutine_loop(), arena, address, &options, &channel);
  return channel;
}

/* The streams of which are read where they lie. */
static const struct log_owner *open_others(struct arena *arena, const struct watcher_options *options,
                                           struct watcher *watcher) {
  static const char *const names[2] = {"first", "second"};
  struct log_owner *owners = arena_calloc(arena, 2, sizeof *owners);
  for (size_t i = 0; i < 2; i++) {
    const struct event_store_options store = {.brand = &shop_brand,
                                              .service = "watcher",
                                              .log = names[i],
                                              .redis_url = options->owners[i],
                                              .redis_password = FOREIGN_READER_PASSWORD,
                                              .key_prefix = options->owner_prefixes[i],
                                              .request_seconds = 100,
                                              .subscribes = true,
                                              .reads_only = true};
    if (!status_is_ok(event_store_open(coroutine_loop(), arena, &store, &watcher->others[i]))) abort();
    owners[i] = (struct log_owner){.name = names[i], .store = watcher->others[i]};
  }
  return owners;
}

struct watcher watcher_start(struct arena *arena, const struct watcher_options *options) {
  struct watcher watcher = {0};
  own = *options;
  static const struct view *const views[] = {&watcher_seen, NULL};
  const struct event_store_options store = {.brand = &shop_brand,
                                            .service = "watcher",
                                            .redis_url = options->url,
                                            .request_seconds = 100,
                                            .subscribes = true};
  if (!status_is_ok(event_store_open(coroutine_loop(), arena, &store, &watcher.store))) abort();
  struct consumer_options consumer = {.store = watcher.store,
                                      .subscriptions = options->by_runs ? by_runs : by_events,
                                      .subscription_count = options->by_runs ? 1 : 2,
                                      .views = views,
                                      .housekeep = options->housekeep,
                                      .user = options->user,
                                      .archived = options->archived,
                                      .events_may_wait_ms = options->events_may_wait_ms,
                                      .lease_ms = options->lease_ms};
  if (options->owners[0]) {
    consumer.subscriptions = by_owners;
    consumer.subscription_count = 2;
    consumer.owners = open_others(arena, options, &watcher);
    consumer.owner_count = 2;
  }
  if (options->mail_address) {
    consumer.outbox = &mails;
    consumer.outbox_channel = watcher.channel = open_channel(arena, options->mail_address);
  }
  watcher.consumer = consumer_start(coroutine_loop(), arena, &consumer);
  return watcher;
}

void watcher_stop(struct watcher *watcher) {
  consumer_stop(watcher->consumer);
  if (watcher->channel) rpc_channel_close(watcher->channel);
  event_store_close(watcher->store);
  for (size_t i = 0; i < 2 && watcher->others[i]; i++) event_store_close(watcher->others[i]);
}

int64_t watcher_epoch(const struct watcher *watcher) {
  return consumer_progress(watcher->consumer)->leader->epoch;
}

/* ---- as a process ----------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t terminated;

static void on_terminate(int number) {
  (void)number;
  terminated = 1;
}

static void run_process(void *argument) {
  struct arena *arena = arena_new();
  struct watcher watcher = watcher_start(arena, argument);
  while (!terminated) coroutine_sleep(POLL_US, DEADLINE_NEVER);
  watcher_stop(&watcher);
  loop_stop(coroutine_loop());
  arena_free(arena);
}

static void silence(const char *log) {
  int file = open(log ? log : "/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(file, STDERR_FILENO);
  dup2(open("/dev/null", O_RDWR), STDOUT_FILENO);
}

/* Random ids are drawn in advance (base/uuid.c); what the parent has drawn would come in every child. */
static void forget_drawn_ids(void) {
  struct arena *arena = arena_new();
  for (int i = 0; i < 256; i++) uuid_random(arena);
  arena_free(arena);
}

pid_t watcher_fork(const struct watcher_options *options, const char *log) {
  pid_t parent = getpid(), child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  silence(log);
  forget_drawn_ids();
  signal(SIGTERM, on_terminate);
  signal(SIGPIPE, SIG_IGN);
  struct watcher_options copy = *options;
  struct loop *loop = loop_new(NULL);
  loop_spawn(loop, run_process, &copy);
  loop_run(loop);
  _exit(0);
}

void watcher_end(pid_t process, int with) {
  kill(process, with);
  waitpid(process, NULL, 0);
}

static _Noreturn void fail(struct status status) {
  fprintf(stderr, "watcher: %s %s\n", status_code_name(status.code), status.message);
  exit(2);
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

static void append_one(struct transaction *transaction, const char *stream, const char *id, const char *name) {
  Ordershop__V1__Customer customer = ORDERSHOP__V1__CUSTOMER__INIT;
  customer.id = (char *)id;
  customer.name = (char *)name;
  size_t size;
  void *bytes = message_pack(transaction->arena, &customer, &size);
  const struct event_origin origin = {.traceparent = "00-" WATCHER_TRACE "-b7ad6b7169203331-01"};
  event_append(transaction, stream, bytes, size, &origin, NULL);
}

static struct position append_part(struct event_store *store, const char *stream, const char *id, int64_t first,
                                   size_t count, const char *name) {
  struct context context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + 10000000};
  struct transaction transaction = transaction_of(store, context.arena);
  for (size_t i = 0; i < count; i++) {
    const char *numbered = arena_printf(context.arena, "%s-%" PRId64, id, first + (int64_t)i);
    append_one(&transaction, stream, first < 0 ? id : numbered, name);
  }
  struct transaction_result result = {0};
  struct status status = transaction_run(&transaction, &context, &result);
  if (!status_is_ok(status)) fail(status);
  arena_free(context.arena);
  return result.position;
}

struct position watcher_append(struct event_store *store, struct context *context, const char *stream, const char *id,
                               int64_t first, size_t count, const char *name) {
  struct position position = {0};
  while (!event_store_is_ready(store)) coroutine_sleep(POLL_US, context->deadline_us);
  for (size_t done = 0; done < count; done += APPEND_AT_ONCE) {
    size_t part = count - done < APPEND_AT_ONCE ? count - done : APPEND_AT_ONCE;
    position = append_part(store, stream, id, count == 1 ? -1 : first + (int64_t)done, part, name);
  }
  return position;
}

/* ---- waiting ---------------------------------------------------------------------------------------------------- */

bool eventually(struct context *context, bool (*holds)(void *argument), void *argument) {
  while (!holds(argument)) {
    if (clock_monotonic_us() >= context->deadline_us) return false;
    coroutine_sleep(POLL_US, context->deadline_us);
  }
  return true;
}

static int64_t effects_of(struct private_redis *redis) {
  return private_redis_number(redis, "LLEN watcher_effects");
}

bool watcher_handles(struct private_redis *redis, struct context *context, int64_t effects) {
  while (effects_of(redis) < effects) {
    if (clock_monotonic_us() >= context->deadline_us) return false;
    coroutine_sleep(POLL_US, context->deadline_us);
  }
  return effects_of(redis) == effects;
}

bool watcher_process_handles(struct private_redis *redis, int64_t effects) {
  int64_t end_us = patience_end_us();
  while (effects_of(redis) < effects) {
    if (clock_monotonic_us() >= end_us) return false;
    usleep(POLL_US);
  }
  return effects_of(redis) == effects;
}
