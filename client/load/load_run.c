/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "base/memory.h"
#include "client/load/call_status.h"
#include "client/load/load.h"
#include "client/load/peer.h"
#include "client/load/request_form.h"
#include "client/load/schedule.h"
#include "client/retry.h"
#include "tls/tls_identity.h"

enum {
  PAUSE_US = 10 * 1000,  /* of one that is in flight, after a failure: a server that is down is not hammered */
  RESUME_GRID_US = 1000, /* pauses end together, so that many of them cost little */
  UNDER_WAY_MAX = 20000, /* calls of a rate; what the machine has no room for can't be called */
  PROGRESS_US = 200 * 1000,
};

/* One command of the run. */
struct lane {
  const struct load_command *command;
  struct request_form form;
  const char *path;
  struct peer_connections *peer;
};

enum slot_state { FREE, UNDER_WAY, RETRYING, PAUSING };

/* A call of the run. */
struct slot {
  struct call call; /* first: `done` gets this */
  enum slot_state state;
  size_t lane;
  uint8_t *request;
  char position[CALL_POSITION_MAX];
  int64_t begin_us; /* when it was to begin */
  int64_t deadline_us, resume_us;
  int tries;
  struct slot *next, *previous; /* in `free`, or in `begun` */
  struct slot *next_waiting;
};

struct run {
  const struct load_options *options;
  struct arena *arena, *scratch;
  struct load_shop *shop;
  struct load_random random;
  struct lane *lanes; /* the shares of the mix in their order, then what these need */
  size_t lane_count;
  struct peer_connections *peers[ORDERSHOP_SERVICE_COUNT]; /* NULL for services that aren't called */
  SSL_CTX *tls;
  struct slot *slots;
  size_t slot_count;
  struct slot *free;
  struct slot *begun, *begun_last; /* by their deadlines, as all calls have equally much time */
  struct slot *waiting;            /* that retry or pause; in no order */
  int64_t resume_us;               /* the first of these */
  struct schedule schedule;        /* of a rate */
  int64_t measured_us, end_us, progress_us;
  enum { NOT_YET, WATCHING, WATCHED } watch;
  uint64_t calls;             /* after which it ends; 0: by time */
  uint64_t number, under_way; /* calls begun, and those of them that have not ended */
  struct load_tally *tally;
};

/* ---- calls that end --------------------------------------------------------------------------------------------- */

static void unlink_begun(struct run *run, struct slot *slot) {
  if (slot->previous) slot->previous->next = slot->next;
  if (!slot->previous) run->begun = slot->next;
  if (slot->next) slot->next->previous = slot->previous;
  if (!slot->next) run->begun_last = slot->previous;
}

static void wait_until(struct run *run, struct slot *slot, enum slot_state state, int64_t until_us) {
  slot->state = state;
  slot->resume_us = (until_us / RESUME_GRID_US + 1) * RESUME_GRID_US;
  slot->next_waiting = run->waiting;
  run->waiting = slot;
  if (slot->resume_us < run->resume_us) run->resume_us = slot->resume_us;
}

static void release(struct run *run, struct slot *slot) {
  slot->state = FREE;
  slot->next = run->free;
  run->free = slot;
}

static void keep_reply(struct run *run, const struct slot *slot) {
  const struct load_command *command = run->lanes[slot->lane].command;
  const char *id = load_reply_id(&slot->call, 1);
  if (id && run->shop->keeps[command->makes]) load_ids_add(&run->shop->own[command->makes], id, slot->call.position);
  if (run->options->take_reply) run->options->take_reply(run->options->argument, command, &slot->call);
}

static void note(struct run *run, const struct slot *slot, struct status status, int64_t now_us) {
  int64_t begin_us = slot->begin_us;
  if (begin_us < run->measured_us) return load_tally_warm_up(run->tally, status);
  if (begin_us >= run->end_us) return;
  if (!status_is_ok(status)) return load_tally_failure(run->tally, slot->lane, status, now_us - begin_us);
  load_tally_success(run->tally, slot->lane, (size_t)((begin_us - run->measured_us) / 1000000), now_us - begin_us);
}

static void finish(struct run *run, struct slot *slot, struct status status, int64_t now_us) {
  note(run, slot, status, now_us);
  unlink_begun(run, slot);
  run->under_way--;
  bool pauses = !status_is_ok(status) && run->options->in_flight > 0;
  if (pauses) wait_until(run, slot, PAUSING, now_us + PAUSE_US);
  if (!pauses) release(run, slot);
}

static void retry_or_finish(struct run *run, struct slot *slot, struct status status) {
  static const struct retry_policy as_the_library = {.attempts = 5, .first_backoff_ms = 100};
  int64_t now_us = clock_monotonic_us(), delay_ms = -1;
  if (run->options->retry) delay_ms = retry_delay_ms(&as_the_library, status, false, slot->tries, arc4random());
  bool again = delay_ms >= 0 && now_us + delay_ms * 1000 < slot->deadline_us;
  if (again) wait_until(run, slot, RETRYING, now_us + delay_ms * 1000);
  if (!again) finish(run, slot, status, now_us);
}

static void fail(struct run *run, struct slot *slot) {
  const struct peer_connections *peer = run->lanes[slot->lane].peer;
  arena_reset(run->scratch);
  retry_or_finish(run, slot, call_status(run->scratch, &slot->call, peer_name(peer), peer_failure(peer)));
}

static void done(void *argument, struct call *call) {
  struct run *run = argument;
  struct slot *slot = (struct slot *)call;
  if (call->code != STATUS_OK || !call->answered) return fail(run, slot);
  if (call->keeps_reply) keep_reply(run, slot);
  finish(run, slot, status_ok(), clock_monotonic_us());
}

static void end_late_calls(struct run *run, int64_t now_us) {
  while (run->begun && run->begun->deadline_us <= now_us) {
    struct slot *slot = run->begun;
    if (slot->state == RETRYING) { /* its pause ended before: retries are made for the time that is left only */
      for (struct slot **at = &run->waiting; *at; at = &(*at)->next_waiting) {
        if (*at != slot) continue;
        *at = slot->next_waiting;
        break;
      }
    }
    http2_connection_cancel(&slot->call);
    arena_reset(run->scratch);
    finish(run, slot,
           status_error(run->scratch, STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded, "%s did not answer in time.",
                        peer_name(run->lanes[slot->lane].peer)),
           now_us);
  }
}

/* ---- calls that begin ------------------------------------------------------------------------------------------- */

static bool has_what_it_needs(const struct run *run, const struct lane *lane, enum load_kind *ret_missing) {
  for (int kind = 0; kind < LOAD_KINDS; kind++) {
    const struct load_ids *own = &run->shop->own[kind];
    if (own->count - own->first >= lane->form.own[kind]) continue;
    *ret_missing = (enum load_kind)kind;
    return false;
  }
  return true;
}

static size_t lane_of(const struct run *run, const struct load_command *command) {
  size_t i = 0;
  while (run->lanes[i].command != command) i++;
  return i;
}

/* What deletes needs something to delete: where there is nothing, that is made instead. */
static size_t choose_lane(struct run *run) {
  const struct load_mix *mix = run->options->mix;
  size_t lane = run->options->each_once ? (size_t)run->number : load_mix_pick(mix, load_random_next(&run->random));
  for (enum load_kind missing; !has_what_it_needs(run, &run->lanes[lane], &missing);) {
    lane = lane_of(run, load_command_maker(missing));
  }
  return lane;
}

static void send_call(struct run *run, struct slot *slot, int64_t now_us) {
  slot->state = UNDER_WAY;
  slot->tries++;
  slot->call.code = -1;
  slot->call.http_status = 0;
  if (!peer_call(run->lanes[slot->lane].peer, &slot->call, slot->deadline_us - now_us)) fail(run, slot);
}

static void link_begun(struct run *run, struct slot *slot) {
  slot->next = NULL;
  slot->previous = run->begun_last;
  if (run->begun_last) run->begun_last->next = slot;
  if (!run->begun_last) run->begun = slot;
  run->begun_last = slot;
}

static void begin(struct run *run, struct slot *slot, int64_t begin_us, int64_t now_us) {
  slot->lane = choose_lane(run);
  const struct lane *lane = &run->lanes[slot->lane];
  int makes = lane->command->makes;
  const char *after = request_form_fill(&lane->form, run->shop, &run->random, slot->request, slot->position);
  slot->call.path = lane->path;
  slot->call.request = slot->request;
  slot->call.request_size = lane->form.size;
  slot->call.after = run->options->after ? run->options->after : after;
  slot->call.keeps_reply = makes >= 0 && (run->shop->keeps[makes] || run->options->take_reply);
  slot->begin_us = begin_us;
  slot->deadline_us = begin_us + run->options->deadline_ms * 1000;
  slot->tries = 0;
  run->number++;
  run->under_way++;
  link_begun(run, slot);
  if (begin_us >= run->measured_us) histogram_add(&run->tally->late, now_us - begin_us);
  send_call(run, slot, now_us);
}

static bool begins_more(const struct run *run, int64_t now_us) {
  return run->calls > 0 ? run->number < run->calls : now_us < run->end_us;
}

static struct slot *take_free(struct run *run) {
  struct slot *slot = run->free;
  run->free = slot->next;
  return slot;
}

/* Those of a rate begin when they are due, whatever becomes of those before: real callers don't wait for each other. */
static void begin_due(struct run *run, int64_t now_us) {
  for (int64_t due_us; (due_us = schedule_due_us(&run->schedule)) <= now_us && due_us < run->end_us;) {
    run->schedule.number++;
    if (run->free) {
      begin(run, take_free(run), due_us, now_us);
      continue;
    }
    struct slot none = {.lane = 0, .begin_us = due_us};
    note(run, &none, status_error(NULL, STATUS_UNKNOWN, NULL, "too many calls are under way here to begin another"),
         now_us);
  }
}

static void begin_what_is_free(struct run *run, int64_t now_us) {
  while (run->free && begins_more(run, now_us)) begin(run, take_free(run), now_us, now_us);
}

static void resume(struct run *run, int64_t now_us) {
  if (now_us < run->resume_us) return;
  struct slot *waiting = run->waiting;
  run->waiting = NULL;
  run->resume_us = INT64_MAX;
  for (struct slot *slot; (slot = waiting);) {
    waiting = slot->next_waiting;
    if (slot->resume_us > now_us) {
      wait_until(run, slot, slot->state, slot->resume_us - RESUME_GRID_US);
    } else if (slot->state == PAUSING) {
      release(run, slot);
    } else {
      run->tally->retries++;
      send_call(run, slot, now_us);
    }
  }
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

static void show_progress(struct run *run, int64_t now_us) {
  if (!run->options->show_progress || now_us < run->progress_us) return;
  run->progress_us = now_us + PROGRESS_US;
  const struct load_tally *tally = run->tally;
  const struct load_progress progress = {.elapsed_us = now_us - (run->measured_us - run->options->warm_up_ms * 1000),
                                         .total_us = (run->options->warm_up_ms + run->options->duration_ms) * 1000,
                                         .calls = tally->warm_up_calls + tally->latency.count + tally->failures,
                                         .failures = tally->warm_up_failures + tally->failures,
                                         .under_way = run->under_way};
  run->options->show_progress(run->options->argument, &progress);
}

static int64_t min(int64_t left, int64_t right) {
  return left < right ? left : right;
}

static int64_t next_us(struct run *run, int64_t now_us, int64_t reconnect_us) {
  int64_t next = min(reconnect_us, run->resume_us);
  if (run->begun) next = min(next, run->begun->deadline_us);
  if (run->options->rate > 0 && now_us < run->end_us) next = min(next, schedule_due_us(&run->schedule));
  if (run->options->show_progress) next = min(next, run->progress_us);
  if (run->options->watch && run->watch != WATCHED)
    next = min(next, run->watch == NOT_YET ? run->measured_us : run->end_us);
  return next;
}

/* poll knows milliseconds only, in which a call of a high rate would be late. */
static void poll_until(struct pollfd *fds, size_t count, int64_t until_us) {
  int64_t left_us = until_us - clock_monotonic_us();
  if (left_us < 0) left_us = 0;
  const struct timespec timeout = {.tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000};
  if (ppoll(fds, count, until_us == INT64_MAX ? NULL : &timeout, NULL) > 0) return;
  for (size_t i = 0; i < count; i++) fds[i].revents = 0;
}

/* What processes use is that between the first and the last moment that is measured. */
static void watch(struct run *run, int64_t now_us) {
  if (!run->options->watch) return;
  if (run->watch == NOT_YET && now_us >= run->measured_us) {
    cpu_watch_begin(run->options->watch);
    run->watch = WATCHING;
  }
  if (run->watch == WATCHING && now_us >= run->end_us) {
    cpu_watch_end(run->options->watch);
    run->watch = WATCHED;
  }
}

static void turn(struct run *run, struct pollfd **fds) {
  int64_t now_us = clock_monotonic_us(), reconnect_us = INT64_MAX;
  watch(run, now_us);
  resume(run, now_us);
  if (run->options->rate > 0) begin_due(run, now_us);
  if (run->options->rate == 0) begin_what_is_free(run, now_us);
  size_t count = 0, at = 0;
  for (int i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) {
    if (!run->peers[i]) continue;
    reconnect_us = min(reconnect_us, peer_reconnect(run->peers[i], now_us));
    peer_flush(run->peers[i]);
    count += peer_poll_size(run->peers[i]);
  }
  *fds = memory_realloc(*fds, (count + 1) * sizeof(**fds));
  for (int i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) {
    if (!run->peers[i]) continue;
    peer_poll(run->peers[i], *fds + at);
    at += peer_poll_size(run->peers[i]);
  }
  poll_until(*fds, count, next_us(run, now_us, reconnect_us));
  at = 0;
  for (int i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) {
    if (!run->peers[i]) continue;
    size_t size = peer_poll_size(run->peers[i]);
    peer_step(run->peers[i], *fds + at);
    at += size;
  }
  now_us = clock_monotonic_us();
  end_late_calls(run, now_us);
  show_progress(run, now_us);
}

static bool is_over(const struct run *run) {
  int64_t now_us = clock_monotonic_us();
  bool all_begun = run->options->rate > 0 ? schedule_due_us(&run->schedule) >= run->end_us : !begins_more(run, now_us);
  return all_begun && run->under_way == 0 && (run->calls > 0 || now_us >= run->end_us);
}

static void call_all(struct run *run) {
  const struct load_options *options = run->options;
  struct pollfd *fds = NULL;
  int64_t begin_us = clock_monotonic_us();
  run->measured_us = begin_us + options->warm_up_ms * 1000;
  run->end_us = run->calls > 0 ? INT64_MAX : run->measured_us + options->duration_ms * 1000;
  run->schedule = (struct schedule){.begin_us = begin_us, .rate = options->rate};
  while (!is_over(run)) turn(run, &fds);
  watch(run, clock_monotonic_us());
  free(fds);
}

/* ---- before and after ------------------------------------------------------------------------------------------- */

static void add_lane(struct run *run, const struct load_command *command) {
  for (size_t i = 0; i < run->lane_count; i++) {
    if (run->lanes[i].command == command) return;
  }
  struct lane *lane = &run->lanes[run->lane_count++];
  lane->command = command;
  lane->form = request_form_new(run->arena, command, run->options->products);
  lane->path =
      arena_printf(run->arena, "/%s/%s", ordershop_service_descriptor(command->service)->name, command->method);
}

/* With what makes that which others use up. */
static void add_lanes(struct run *run) {
  const struct load_mix *mix = run->options->mix;
  run->lanes = arena_calloc(run->arena, mix->count + LOAD_KINDS, sizeof(*run->lanes));
  memset(run->shop->keeps, 0, sizeof(run->shop->keeps));
  for (size_t i = 0; i < mix->count; i++) add_lane(run, mix->shares[i].command);
  for (size_t i = 0; i < run->lane_count; i++) {
    for (int kind = 0; kind < LOAD_KINDS; kind++) {
      if (run->lanes[i].form.own[kind] == 0) continue;
      run->shop->keeps[kind] = true;
      add_lane(run, load_command_maker((enum load_kind)kind));
    }
  }
}

static struct status open_peers(struct run *run, const struct load_target *target) {
  if (target->tls) {
    struct tls_texts texts;
    tls_files_read(target->tls, run->arena, &texts);
    run->tls = tls_identity_context(&texts, "h2");
  }
  for (size_t i = 0; i < run->lane_count; i++) {
    enum ordershop_service service = run->lanes[i].command->service;
    const struct peer_options options = {.name = ordershop_service_name(service),
                                         .target = target->addresses[service],
                                         .tls = run->tls,
                                         .connections = run->options->connections,
                                         .done = done,
                                         .argument = run};
    struct status status = run->peers[service] ? status_ok() : peer_open(run->arena, &options, &run->peers[service]);
    if (!status_is_ok(status)) return status;
    run->lanes[i].peer = run->peers[service];
  }
  return status_ok();
}

struct status load_check_target(struct arena *arena, const struct load_target *target, const struct load_mix *mix) {
  for (size_t i = 0; i < mix->count; i++) {
    enum ordershop_service service = mix->shares[i].command->service;
    struct status status = peer_check_target(arena, ordershop_service_name(service), target->addresses[service]);
    if (!status_is_ok(status)) return status;
  }
  return status_ok();
}

static void make_slots(struct run *run) {
  size_t size = 0;
  for (size_t i = 0; i < run->lane_count; i++) {
    if (run->lanes[i].form.size > size) size = run->lanes[i].form.size;
  }
  run->slot_count = run->options->in_flight > 0 ? (size_t)run->options->in_flight : UNDER_WAY_MAX;
  run->slots = memory_calloc(run->slot_count, sizeof(*run->slots));
  for (size_t i = run->slot_count; i-- > 0;) {
    run->slots[i].request = memory_alloc(size);
    release(run, &run->slots[i]);
  }
}

static void make_tally(struct run *run) {
  struct load_tally *tally = run->tally;
  *tally = (struct load_tally){.arena = run->arena, .command_count = run->lane_count};
  tally->seconds = (double)run->options->duration_ms / 1000;
  tally->by_second = arena_calloc(run->arena, (size_t)tally->seconds + 1, sizeof(*tally->by_second));
  tally->commands = arena_calloc(run->arena, run->lane_count, sizeof(*tally->commands));
  for (size_t i = 0; i < run->lane_count; i++) tally->commands[i].command = run->lanes[i].command;
}

static void clean_up(struct run *run) {
  for (int i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) {
    if (run->peers[i]) peer_close(run->peers[i]);
  }
  for (size_t i = 0; i < run->slot_count; i++) {
    call_clear(&run->slots[i].call);
    free(run->slots[i].request);
  }
  free(run->slots);
  SSL_CTX_free(run->tls);
  arena_free(run->scratch);
}

struct status load_run(struct arena *arena, const struct load_target *target, const struct load_options *options,
                       struct load_shop *shop, struct load_tally *ret_tally) {
  struct run run = {.options = options,
                    .arena = arena,
                    .scratch = arena_new(),
                    .shop = shop,
                    .random = load_random_new(),
                    .resume_us = INT64_MAX,
                    .calls = (uint64_t)(options->each_once ? (int64_t)options->mix->count : options->calls),
                    .tally = ret_tally};
  prctl(PR_SET_TIMERSLACK, 1); /* else every wait is 50 us longer */
  add_lanes(&run);
  make_tally(&run);
  struct status status = open_peers(&run, target);
  if (status_is_ok(status)) {
    make_slots(&run);
    call_all(&run);
  }
  clean_up(&run);
  return status;
}
