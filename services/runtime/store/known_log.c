/* SPDX-License-Identifier: Apache-2.0 */
#include "store/known_log.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "loop/coroutine.h"
#include "store/event.h"
#include "store/replica_barrier.h"
#include "store/store_connections.h"

/* The last entry that this process knows of a stream. */
struct known_entry {
  const char *stream_key;
  char id[ENTRY_ID_SIZE];
  char asked[ENTRY_ID_SIZE]; /* the last one that replicas were asked for */
  char held[ENTRY_ID_SIZE];  /* and that they have; "" means none */
  bool own;                  /* a stream that the service appends to: rights differ */
  struct known_entry *next;
};

struct known_log {
  struct event_store *store;
  struct arena *arena;
  struct position end;         /* epoch "": nothing is known */
  struct position asked, held; /* the end that replicas were asked for, and that they have */
  bool asks;                   /* `asked` is what they are asked for at present */
  struct known_entry *entries;
  int64_t server_us;   /* Redis' time at the last look that missed nothing */
  uint64_t looked_at;  /* redis_generation of `commands` at the last look; 0 if there is none */
  uint64_t looked_era; /* redis_server_era likewise */
  bool looking;
  struct condition looked;

  char loss[512];                     /* "": none. It names a key, whose prefix may have 64 characters */
  struct log_loss lost;               /* the same in parts; they live in lost_arena */
  struct arena *lost_arena;           /* NULL if there is none */
  bool refuses;                       /* it was found on a fresh connection: appends are refused */
  char epoch_at_loss[LOG_EPOCH_SIZE]; /* of the stored positions when it was found */
};

/* What there is in Redis. */
struct sight {
  int64_t known_us; /* the log time known when Redis was asked: other connections may tell later ones meanwhile */
  int64_t server_us;
  struct position end; /* epoch "": there is no clock */
};

struct known_log *known_log_new(struct event_store *store, struct arena *arena) {
  struct known_log *known = arena_calloc(arena, 1, sizeof *known);
  known->store = store;
  known->arena = arena;
  return known;
}

void known_log_free(struct known_log *known) {
  if (known->lost_arena) arena_free(known->lost_arena);
  known->lost_arena = NULL;
}

const char *known_log_loss(const struct known_log *known) {
  return known->loss;
}

const struct log_loss *known_log_lost(const struct known_log *known) {
  return *known->loss ? &known->lost : NULL;
}

const struct position *known_log_end(const struct known_log *known) {
  return &known->end;
}

bool known_log_next(const struct known_log *known, const char **ret_stream_key, const char **ret_id) {
  const struct known_entry *entry = known->entries;
  while (entry && *ret_stream_key && entry->stream_key != *ret_stream_key) entry = entry->next;
  if (entry && *ret_stream_key) entry = entry->next;
  if (!entry) return false;
  *ret_stream_key = entry->stream_key;
  *ret_id = entry->id;
  return true;
}

/* ---- what becomes known ----------------------------------------------------------------------------------------- */

void known_log_saw(struct known_log *known, const struct position *position) {
  if (*known->loss) return;
  if (!*known->end.epoch) known->end = *position;
  if (strcmp(known->end.epoch, position->epoch) != 0) return; /* the next look finds out why */
  if (position->log_time > known->end.log_time) known->end = *position;
}

static struct known_entry *entry_of(struct known_log *known, const char *stream_key) {
  struct known_entry *entry = known->entries;
  while (entry && strcmp(entry->stream_key, stream_key) != 0) entry = entry->next;
  if (entry) return entry;
  entry = arena_calloc(known->arena, 1, sizeof *entry);
  entry->stream_key = arena_strdup(known->arena, stream_key);
  entry->next = known->entries;
  known->entries = entry;
  return entry;
}

void known_log_appended(struct known_log *known, const char *stream_key, int64_t log_time) {
  struct known_entry *entry = entry_of(known, stream_key);
  entry->own = true;
  snprintf(entry->id, sizeof entry->id, "%lld-%lld", (long long)log_time / 1000, (long long)log_time % 1000);
}

void known_log_applied(struct known_log *known, const char *stream_key, const char *entry_id) {
  struct known_entry *entry = entry_of(known, stream_key);
  snprintf(entry->id, sizeof entry->id, "%s", entry_id);
}

static void forget(struct known_log *known, const struct sight *sight) {
  known->end = known->asked = known->held = sight->end;
  for (struct known_entry *entry = known->entries; entry; entry = entry->next) {
    entry->id[0] = entry->asked[0] = entry->held[0] = '\0';
  }
}

/* Whether the log has not been looked at on this connection, or since the server's data may have become others. */
static bool is_unseen(const struct known_log *known) {
  return known->looked_at != redis_generation(known->store->commands) ||
         known->looked_era != redis_server_era(known->store->server);
}

/* ---- what replicas have ----------------------------------------------------------------------------------------- */

void known_log_asks_replicas(struct known_log *known) {
  /* What was known of the server before has to be looked for in this one first. */
  known->asks = redis_is_ready(known->store->commands) && !*known->loss && !is_unseen(known);
  if (!known->asks) return;
  known->asked = known->end;
  for (struct known_entry *entry = known->entries; entry; entry = entry->next) strcpy(entry->asked, entry->id);
}

void known_log_is_on_replicas(struct known_log *known) {
  if (!known->asks) return;
  known->held = known->asked;
  for (struct known_entry *entry = known->entries; entry; entry = entry->next) strcpy(entry->held, entry->asked);
}

/* Whether nobody was told of what replicas don't have. */
static bool counts_replicas(const struct known_log *known) {
  return !replica_barrier_lets_through(known->store->barrier);
}

/* How far the log must reach. */
static int64_t needed_end(const struct known_log *known) {
  return counts_replicas(known) ? known->held.log_time : known->end.log_time;
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

static const char *text_at(const struct redis_reply *reply, size_t index) {
  const char *text = redis_reply_text(redis_reply_at(reply, index));
  return text ? text : "";
}

static struct stream_sight sight_of(const struct redis_reply *reply) {
  struct stream_sight sight = {.first = "", .last = "", .deleted = "", .group_at = "", .group_read = -1};
  if (!reply || reply->count == 0) return sight;
  sight.exists = true;
  sight.first = text_at(reply, 0);
  sight.last = text_at(reply, 1);
  sight.deleted = text_at(reply, 2);
  sight.added = redis_reply_number(redis_reply_at(reply, 3), 0);
  sight.length = redis_reply_number(redis_reply_at(reply, 4), 0);
  sight.group_at = text_at(reply, 5);
  sight.group_read = redis_reply_number(redis_reply_at(reply, 6), -1);
  return sight;
}

coroutine_fn struct status streams_look(struct event_store *store, struct context *context,
                                        const struct redis_arguments *keys, bool groups,
                                        const struct stream_sight **ret_sights) {
  struct redis_arguments values = redis_arguments_empty(context->arena);
  redis_add_text(&values, groups ? store->service : "");
  const struct redis_reply *reply;
  struct status status =
      redis_function_call(store->commands, context, store->library, "streams_look", keys, &values, &reply);
  if (!status_is_ok(status)) return status;
  struct stream_sight *sights = arena_calloc(context->arena, keys->count + 1, sizeof *sights);
  for (size_t i = 0; i < keys->count; i++) sights[i] = sight_of(redis_reply_at(reply, i));
  *ret_sights = sights;
  return status_ok();
}

coroutine_fn struct status streams_find(struct event_store *store, struct context *context,
                                        struct redis_arguments *keys) {
  struct arena *arena = context->arena;
  const char *cursor = "0", *pattern = redis_key_pattern(store->commands, arena, "events:*");
  do {
    struct redis_arguments scan =
        redis_command_of(arena, "SCAN", cursor, "MATCH", pattern, "TYPE", "stream", "COUNT", "1000", NULL);
    const struct redis_reply *reply;
    struct status status = redis_command(store->reads, context, &scan, &reply);
    if (!status_is_ok(status)) return status;
    cursor = redis_reply_text(redis_reply_at(reply, 0));
    const struct redis_reply *page = redis_reply_at(reply, 1);
    for (size_t i = 0; page && i < page->count; i++) redis_add_text(keys, page->elements[i]->text);
  } while (cursor && strcmp(cursor, "0") != 0);
  return status_ok();
}

/* The log time of the shop's oldest entry, or of the last one of a stream that has none left; INT64_MAX if no stream
 * has ever had an entry. */
static coroutine_fn struct status find_oldest_entry(struct event_store *store, struct context *context,
                                                    int64_t *ret_oldest) {
  struct redis_arguments keys = redis_arguments_empty(context->arena);
  const struct stream_sight *streams;
  struct status status = streams_find(store, context, &keys);
  if (status_is_ok(status)) status = streams_look(store, context, &keys, false, &streams);
  if (!status_is_ok(status)) return status;
  *ret_oldest = INT64_MAX;
  for (size_t i = 0; i < keys.count; i++) {
    if (!streams[i].exists || strcmp(streams[i].last, "0-0") == 0) continue;
    int64_t first = log_time_of_entry(*streams[i].first ? streams[i].first : streams[i].last);
    if (first < *ret_oldest) *ret_oldest = first;
  }
  return status_ok();
}

/* ---- what there is ---------------------------------------------------------------------------------------------- */

static coroutine_fn struct status see(struct known_log *known, struct context *context, struct sight *ret_sight) {
  struct redis *redis = known->store->commands;
  int64_t known_us = needed_end(known);
  struct redis_arguments time = redis_arguments_of(context->arena, "TIME");
  struct redis_arguments get = redis_command_of(context->arena, "GET", clock_key(known->store, context->arena), NULL);
  struct redis_pending *time_pending = redis_send(redis, context, &time),
                       *get_pending = redis_send(redis, context, &get);
  const struct redis_reply *now = NULL, *clock = NULL;
  struct status status = redis_receive(time_pending, &now), clock_status = redis_receive(get_pending, &clock);
  if (status_is_ok(status)) status = clock_status;
  if (!status_is_ok(status)) return status;
  *ret_sight = (struct sight){.known_us = known_us,
                              .server_us = redis_reply_number(redis_reply_at(now, 0), 0) * 1000000 +
                                           redis_reply_number(redis_reply_at(now, 1), 0)};
  (void)clock_parse(redis_reply_text(clock), &ret_sight->end);
  return status_ok();
}

/* Whether the entry is gone because somebody has trimmed the stream or deleted entries, which is no loss of the log. */
static bool was_trimmed(const struct stream_sight *stream, const char *id) {
  int64_t at = log_time_of_entry(id);
  if (!stream->exists || log_time_of_entry(stream->last) < at) return false;
  if (log_time_of_entry(stream->deleted) >= at) return true;
  return (!*stream->first || log_time_of_entry(stream->first) > at) && stream->added > stream->length;
}

static coroutine_fn struct status look_for_entry(struct known_log *known, struct context *context,
                                                 const struct known_entry *entry, const char *id, bool *ret_missing) {
  struct redis_arguments range =
      redis_command_of(context->arena, entry->own ? "XRANGE" : "XREVRANGE", entry->stream_key, id, id, NULL);
  const struct redis_reply *found;
  *ret_missing = false;
  struct status status = redis_command(known->store->commands, context, &range, &found);
  if (!status_is_ok(status) || found->count > 0) return status;
  struct redis_arguments keys = redis_arguments_empty(context->arena);
  redis_add_text(&keys, entry->stream_key);
  const struct stream_sight *stream;
  status = streams_look(known->store, context, &keys, false, &stream);
  if (status_is_ok(status)) *ret_missing = !was_trimmed(stream, id);
  return status;
}

/* The server before had an entry that this one lacks, and no replica was known to have: nobody was told of it. */
static void settle_for_held(struct known_entry *entry, const char *gone) {
  log_event(LOG_WARN, "redis lacks what the server before had told nobody but this process", "stream",
            entry->stream_key, "entry", gone, "last", entry->held, NULL);
  if (strcmp(entry->id, gone) == 0) strcpy(entry->id, entry->held);
}

/* *ret_missing is the entry of that stream that is missing and counts; NULL if there is none. */
static coroutine_fn struct status look_for_last(struct known_log *known, struct context *context,
                                                struct known_entry *entry, const char **ret_missing) {
  const char *last = arena_strdup(context->arena, entry->id), *held = arena_strdup(context->arena, entry->held);
  bool last_is_missing = false, held_is_missing = false;
  struct status status = *last ? look_for_entry(known, context, entry, last, &last_is_missing) : status_ok();
  if (!status_is_ok(status) || !last_is_missing) return status;
  if (!counts_replicas(known)) {
    *ret_missing = last;
    return status_ok();
  }
  if (*held) status = look_for_entry(known, context, entry, held, &held_is_missing);
  if (!status_is_ok(status)) return status;
  if (held_is_missing) *ret_missing = held;
  if (!held_is_missing) settle_for_held(entry, last);
  return status_ok();
}

/* ---- comparing -------------------------------------------------------------------------------------------------- */

/* An operator accepts it by a log time that is not before what was known. */
static struct log_loss loss_of(const struct known_log *known, struct arena *arena, enum log_loss_kind kind,
                               const char *detail) {
  return (struct log_loss){.kind = kind,
                           .stream = "",
                           .end = known->end.log_time,
                           .detail = detail,
                           .field = "accepted",
                           .value = log_time_text(arena, known->end.log_time)};
}

/* Another epoch: either nothing is left of the log that was known, or what is left is another one. */
static coroutine_fn struct status compare_epochs(struct known_log *known, struct context *context,
                                                 const struct sight *sight, struct log_loss *ret_loss) {
  struct arena *arena = context->arena;
  int64_t oldest;
  struct status status = find_oldest_entry(known->store, context, &oldest);
  if (!status_is_ok(status)) return status;
  const char *end = log_time_text(arena, known->end.log_time);
  if (oldest > known->server_us) {
    log_event(LOG_WARN, "redis was emptied, the shop begins afresh", "epoch", sight->end.epoch, "epoch_before",
              known->end.epoch, "log_before", end, NULL);
    forget(known, sight);
    return status_ok();
  }
  *ret_loss = loss_of(known, arena, LOG_LOSS_EPOCH,
                      arena_printf(arena, "its epoch is %s, this process knows it up to %s of epoch %s",
                                   sight->end.epoch, end, known->end.epoch));
  return status_ok();
}

static coroutine_fn struct status compare_entries(struct known_log *known, struct context *context,
                                                  struct log_loss *ret_loss) {
  struct arena *arena = context->arena;
  const char *missing = NULL;
  for (struct known_entry *entry = known->entries; entry && !missing; entry = entry->next) {
    struct status status = look_for_last(known, context, entry, &missing);
    if (!status_is_ok(status)) return status;
    if (!missing) continue;
    *ret_loss = loss_of(
        known, arena, LOG_LOSS_ENTRY,
        arena_printf(arena, "the entry %s of %s is missing, and what came with it", missing, entry->stream_key));
    ret_loss->stream = event_stream_name(entry->stream_key);
  }
  return status_ok();
}

/* ret_loss->kind is 0 if nothing is missing. Entries are looked for on a fresh connection only: while one lasts, none
 * can get lost without the clock. */
static coroutine_fn struct status compare(struct known_log *known, struct context *context, const struct sight *sight,
                                          bool fresh, struct log_loss *ret_loss) {
  struct arena *arena = context->arena;
  /* Without a clock nothing is compared: the next append makes one, of another epoch. */
  if (!*known->end.epoch || !*sight->end.epoch) return status_ok();
  if (strcmp(sight->end.epoch, known->end.epoch) != 0) return compare_epochs(known, context, sight, ret_loss);
  bool only_entries_count = fresh && redis_server_took_over(known->store->server);
  if (sight->end.log_time < sight->known_us && !only_entries_count) {
    *ret_loss =
        loss_of(known, arena, LOG_LOSS_END,
                arena_printf(arena, "it ends at %s, this process knows it up to %s",
                             log_time_text(arena, sight->end.log_time), log_time_text(arena, known->end.log_time)));
    ret_loss->after = sight->end.log_time;
    return status_ok();
  }
  struct status status = fresh ? compare_entries(known, context, ret_loss) : status_ok();
  bool goes_on_with_less = only_entries_count || (fresh && counts_replicas(known));
  if (status_is_ok(status) && !ret_loss->kind && goes_on_with_less) known->end = sight->end;
  return status;
}

/* ---- an operator's word ----------------------------------------------------------------------------------------- */

static coroutine_fn struct status read_field(struct known_log *known, struct context *context, const char *field,
                                             const char **ret_value) {
  struct redis_arguments get =
      redis_command_of(context->arena, "HGET", position_key(known->store, context->arena), field, NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(known->store->commands, context, &get, &reply);
  if (!status_is_ok(status)) return status;
  *ret_value = redis_reply_text(reply) ? redis_reply_text(reply) : "";
  return status_ok();
}

/* Others may have told a later end of the log since the loss was found: what counts is the end that the loss told. */
static coroutine_fn struct status read_word(struct known_log *known, struct context *context, const struct sight *sight,
                                            const struct log_loss *loss, bool *ret_accepted) {
  const char *accepted, *epoch;
  struct status status = read_field(known, context, "accepted", &accepted);
  if (status_is_ok(status)) status = read_field(known, context, "epoch", &epoch);
  if (!status_is_ok(status)) return status;
  if (!*known->loss) snprintf(known->epoch_at_loss, sizeof known->epoch_at_loss, "%s", epoch);
  bool was_set = strcmp(epoch, sight->end.epoch) == 0 && strcmp(epoch, known->epoch_at_loss) != 0;
  *ret_accepted = was_set || (*accepted && log_time_of_entry(accepted) >= loss->end);
  return status_ok();
}

/* ---- looking ---------------------------------------------------------------------------------------------------- */

static void forget_loss(struct known_log *known) {
  known->loss[0] = '\0';
  if (known->lost_arena) arena_free(known->lost_arena);
  known->lost_arena = NULL;
}

/* The loss may be the one that is known already. */
static void keep_loss(struct known_log *known, const struct log_loss *loss) {
  struct arena *arena = arena_new();
  const struct log_loss copy = {.kind = loss->kind,
                                .stream = arena_strdup(arena, loss->stream),
                                .after = loss->after,
                                .end = loss->end,
                                .detail = arena_strdup(arena, loss->detail),
                                .field = loss->field,
                                .value = arena_strdup(arena, loss->value)};
  forget_loss(known);
  known->lost = copy;
  known->lost_arena = arena;
  snprintf(known->loss, sizeof known->loss, "%s", log_loss_text(arena, known->store, &known->lost));
}

static void note_all_there(struct known_log *known, const struct sight *sight) {
  if (*known->loss) log_event(LOG_INFO, "the log is whole again", NULL);
  forget_loss(known);
  known->server_us = sight->server_us;
  if (*sight->end.epoch) known_log_saw(known, &sight->end);
}

static coroutine_fn struct status note_loss(struct known_log *known, struct context *context, const struct sight *sight,
                                            bool fresh, const struct log_loss *loss) {
  bool accepted;
  struct status status = read_word(known, context, sight, loss, &accepted);
  if (!status_is_ok(status)) return status;
  if (accepted) {
    log_event(LOG_WARN, "the loss is accepted, the service goes on", "detail", loss->detail, NULL);
    forget(known, sight);
    forget_loss(known);
    known->server_us = sight->server_us;
    return status_ok();
  }
  known->refuses = fresh || (*known->loss && known->refuses);
  keep_loss(known, loss);
  return status_ok();
}

static coroutine_fn struct status look(struct known_log *known, struct context *context) {
  uint64_t connection = redis_generation(known->store->commands), era = redis_server_era(known->store->server);
  bool fresh = is_unseen(known);
  struct sight sight;
  struct log_loss loss = {0};
  struct status status = see(known, context, &sight);
  /* A loss stays one while the connection lasts, however far the log has gone on since. */
  if (status_is_ok(status) && *known->loss && !fresh) loss = known->lost;
  if (status_is_ok(status) && !loss.kind) status = compare(known, context, &sight, fresh, &loss);
  if (!status_is_ok(status)) return status;
  if (loss.kind) {
    status = note_loss(known, context, &sight, fresh, &loss);
  } else {
    note_all_there(known, &sight);
  }
  if (!status_is_ok(status)) return status;
  known->looked_at = connection;
  known->looked_era = era;
  return status_ok();
}

/* Yields until the look that is under way is over. */
static coroutine_fn struct status wait_for_look(struct known_log *known, struct context *context) {
  if (condition_wait(&known->looked, context->deadline_us)) return status_ok();
  return status_error(context->arena, STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded,
                      "Redis has not told in time whether the log is whole");
}

coroutine_fn struct status known_log_look(struct known_log *known, struct context *context) {
  while (known->looking) {
    struct status waited = wait_for_look(known, context);
    if (!status_is_ok(waited)) return waited;
  }
  known->looking = true;
  struct status status = look(known, context);
  known->looking = false;
  condition_signal_all(&known->looked);
  return status;
}

coroutine_fn struct status known_log_check(struct known_log *known, struct context *context) {
  while (is_unseen(known)) {
    struct status status = known->looking ? wait_for_look(known, context) : known_log_look(known, context);
    if (!status_is_ok(status)) return status;
  }
  if (!*known->loss || !known->refuses) return status_ok();
  return status_error(context->arena, STATUS_UNAVAILABLE, reason_log_reset, "%s", known->loss);
}
