/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery: each mail that was recorded is handed on, then recorded as SENT or FAILED, in the order of recording.
 *
 *   mail_created -> deliver, several at once -> one transaction: statuses, events, deferrals, position
 *
 * While a run of mails is recorded, the next one is delivered already.
 *
 * Since it is delivered first and recorded then, a mail goes out at least once. It is recorded once, which the version
 * that its record had and the lease's epoch ensure. When the server is away nothing moves; what was already taken is
 * recorded. A mail that the server defers keeps no other one waiting: it is tried again later (mail_retry.h). After the
 * time that is configured it is FAILED, with the reason of its last try. */
#include "mail_events.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/message.h"
#include "base/timestamp.h"
#include "consumer/lease.h"
#include "loop/coroutine.h"
#include "loop/fail_point.h"
#include "loop/loop.h"
#include "mail_delivery.h"
#include "mail_index.h"
#include "mail_record.h"
#include "mail_retry.h"
#include "mail_taken.h"
#include "service/service.h"
#include "shop_reasons.h"
#include "store/known_log.h"
#include "store/replica_barrier.h"
#include "trace/span.h"

enum { RUN_MAILS = 64 }; /* the record of so many still travels with the commands of others (store/commit.c) */
static const size_t RUN_BYTES = 1 << 20;
static const int64_t CALL_US = 5 * INT64_C(1000000);

/* Mails whose events are later than `until` are new: nobody has tried to deliver them, and they are as their events
 * tell. Earlier ones are read again, since they may be settled: beside one that was not tried, by an earlier leader, or
 * before an operator set the position back. It holds for the term with that epoch; a process has one mail service. */
static struct tried {
  char epoch[24];
  int64_t until; /* log time */
} tried;

static struct mail_taken taken;

/* Some mails on their way. */
struct run {
  struct event_store *store;
  struct mail_delivery *delivery;
  struct arena *arena;
  const char *epoch;
  uint64_t redis_era;                /* of the server that it was read from */
  const struct dead_letter *retried; /* what the one event is that asks for delivery; NULL if they come from the log */
  size_t count;
  const char **ids;
  const char **causes;         /* the events that asked for delivery; NULL if there is none */
  const char **entries;        /* and their entries in the stream */
  int64_t *since_us;           /* when they were deferred first; 0 means they weren't, as far as known */
  void **mails;                /* as they are recorded; NULL means gone, or not to be delivered (any more) */
  struct mail_parcel *parcels; /* one for each mail that is delivered, in order */
  struct span **spans;         /* of those that are being delivered, likewise */
  size_t *places;              /* of the parcels in `ids` */
  size_t parcel_count;
};

static struct run run_of(const struct service *service, const char *epoch, uint64_t redis_era, size_t room) {
  struct arena *arena = arena_new();
  return (struct run){.store = service->store,
                      .delivery = service->user,
                      .arena = arena,
                      .epoch = epoch,
                      .redis_era = redis_era,
                      .ids = arena_calloc(arena, room, sizeof(char *)),
                      .causes = arena_calloc(arena, room, sizeof(char *)),
                      .entries = arena_calloc(arena, room, sizeof(char *)),
                      .since_us = arena_calloc(arena, room, sizeof(int64_t)),
                      .mails = arena_calloc(arena, room, sizeof(void *)),
                      .parcels = arena_calloc(arena, room, sizeof(struct mail_parcel)),
                      .spans = arena_calloc(arena, room, sizeof(struct span *)),
                      .places = arena_calloc(arena, room, sizeof(size_t))};
}

/* Each call of Redis gets its own time: delivery may take any. */
static struct context context_of(const struct run *run) {
  return (struct context){.arena = run->arena, .deadline_us = clock_monotonic_us() + CALL_US};
}

static void pack(struct run *run, size_t place, enum mail_outcome outcome) {
  run->places[run->parcel_count] = place;
  run->parcels[run->parcel_count++] = (struct mail_parcel){.mail = run->mails[place], .outcome = outcome};
}

static bool is_pending(const Ordershop__V1__Mail *mail) {
  return mail && mail->status == ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_PENDING;
}

/* Makes parcels of the mails that are still to be recorded as delivered: first of those that were taken before, whose
 * record is gone, then of those that are to be delivered. Returns how many the first are. */
static size_t pack_parcels(struct run *run) {
  bool *is_taken = arena_calloc(run->arena, run->count, sizeof *is_taken);
  for (size_t i = 0; i < run->count; i++) {
    is_taken[i] = is_pending(run->mails[i]) && mail_taken_has(&taken, run->ids[i]);
    if (is_taken[i]) pack(run, i, MAIL_TAKEN);
  }
  size_t taken_count = run->parcel_count;
  for (size_t i = 0; i < run->count; i++) {
    if (is_pending(run->mails[i]) && !is_taken[i]) pack(run, i, MAIL_NOT_TRIED);
  }
  return taken_count;
}

static coroutine_fn struct status load(struct run *run) {
  struct context context = context_of(run);
  return entity_load_many(run->store, &context, &mail_type, run->ids, run->count, run->mails);
}

/* A mail that went out can't be taken back: so its record must be where a failover leaves it. */
static coroutine_fn struct status await_replicas(const struct run *run) {
  struct context context = context_of(run);
  context.redis_era = run->redis_era;
  return replica_barrier_pass(run->store->barrier, &context);
}

static void note_taken(const struct run *run) {
  for (size_t i = 0; i < run->parcel_count; i++) {
    if (run->parcels[i].outcome == MAIL_TAKEN) mail_taken_note(&taken, run->parcels[i].mail->id);
  }
}

/* Of the parcels from there on, each one of the trace that its mail is of. They end together. */
static void begin_spans(struct run *run, size_t first) {
  for (size_t i = first; i < run->parcel_count; i++) {
    const char *traceparent = run->parcels[i].mail->traceparent;
    run->spans[i] = span_begin(SPAN_CLIENT, "deliver mail", run->arena, &traceparent);
    span_text(run->spans[i], "mail.id", run->parcels[i].mail->id);
  }
}

static void end_spans(struct run *run, size_t first, struct status status) {
  static const char *const outcomes[] = {
      [MAIL_NOT_TRIED] = "not tried", [MAIL_TAKEN] = "taken", [MAIL_REFUSED] = "refused", [MAIL_DEFERRED] = "deferred"};
  for (size_t i = first; i < run->parcel_count; i++) {
    const struct mail_parcel *parcel = &run->parcels[i];
    const char *why = parcel->reason ? parcel->reason : status.message;
    span_text(run->spans[i], "mail.outcome", outcomes[parcel->outcome]);
    if (parcel->outcome != MAIL_TAKEN) span_fail(run->spans[i], why ? why : "not tried");
    span_end(run->spans[i]);
  }
}

static coroutine_fn struct status deliver(struct run *run) {
  size_t taken_count = pack_parcels(run);
  if (run->parcel_count == taken_count) return status_ok();
  struct status status = await_replicas(run);
  if (!status_is_ok(status)) return status;
  struct context context = {.arena = run->arena, .deadline_us = DEADLINE_NEVER};
  begin_spans(run, taken_count);
  status = mail_deliver(run->delivery, &context, run->parcels + taken_count, run->parcel_count - taken_count);
  end_spans(run, taken_count, status);
  if (fail_point("mail.after_delivery")) {
    for (size_t i = 0; i < run->parcel_count; i++) run->parcels[i].outcome = MAIL_NOT_TRIED;
    return status_error(run->arena, STATUS_UNAVAILABLE, reason_fail_point, "the fail point mail.after_delivery");
  }
  note_taken(run);
  return status;
}

/* ---- recording -------------------------------------------------------------------------------------------------- */

static void put_status(struct run *run, struct transaction *transaction, size_t place,
                       Ordershop__V1__MailStatus status) {
  Ordershop__V1__Mail *mail = run->mails[place];
  struct event_origin origin = {.cause = run->causes[place], .traceparent = mail->traceparent};
  mail->status = status;
  if (status == ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_SENT) {
    mail->sent_time = timestamp_new(run->arena, event_store_now(run->store));
  }
  entity_put_updated_since(transaction, &mail_type, mail, run->entries[place], &origin);
}

static void put_failure(struct run *run, struct transaction *transaction, size_t parcel, const char *message) {
  Ordershop__V1__Mail *mail = run->mails[run->places[parcel]];
  const char *reason = run->parcels[parcel].reason;
  log_event(LOG_WARN, message, "mail", mail->id, "reason", reason, NULL);
  mail->failure_reason = (char *)reason;
  put_status(run, transaction, run->places[parcel], ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_FAILED);
}

static void put_retry_or_failure(struct run *run, struct transaction *transaction, size_t parcel) {
  size_t place = run->places[parcel];
  int64_t now_us = clock_wall_us(), since_us = run->since_us[place] > 0 ? run->since_us[place] : now_us, next_us;
  if (mail_retry_plan(since_us, now_us, mail_delivery_give_up_us(run->delivery), &next_us)) {
    mail_retry_put(transaction, run->ids[place], since_us, next_us);
  } else {
    run->parcels[parcel].outcome = MAIL_REFUSED;
    put_failure(run, transaction, parcel, "a mail is given up: it was deferred for too long");
  }
}

static void put_outcome_of(struct run *run, struct transaction *transaction, size_t parcel) {
  switch (run->parcels[parcel].outcome) {
    case MAIL_TAKEN:
      put_status(run, transaction, run->places[parcel], ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_SENT);
      break;
    case MAIL_REFUSED:
      put_failure(run, transaction, parcel, "a mail is refused");
      break;
    case MAIL_DEFERRED:
      put_retry_or_failure(run, transaction, parcel);
      break;
    case MAIL_NOT_TRIED:
      break;
  }
}

static void put_outcomes(struct run *run, struct transaction *transaction) {
  for (size_t i = 0; i < run->parcel_count; i++) put_outcome_of(run, transaction, i);
}

static struct transaction transaction_of_run(struct run *run) {
  struct transaction transaction = transaction_of(run->store, run->arena);
  transaction_require_value(&transaction, lease_epoch_key(run->store, run->arena), run->epoch);
  return transaction;
}

static coroutine_fn struct status commit(struct run *run, struct transaction *transaction) {
  if (transaction->changes.count == 0) return status_ok();
  struct context context = context_of(run);
  if (run->parcel_count > 0) context.traceparent = run->parcels[0].mail->traceparent;
  struct transaction_result result;
  struct status status = transaction_run(transaction, &context, &result);
  if (!status_is_ok(status) || result.outcome == TRANSACTION_DONE) return status;
  if (result.refused_by == 1) return lease_lost(run->arena);
  return status_error(run->arena, STATUS_ABORTED, reason_mail_changed,
                      "a mail was recorded by somebody else meanwhile");
}

/* How many of the mails from the first on need no further try here. */
static size_t count_settled(const struct run *run) {
  for (size_t i = 0; i < run->parcel_count; i++) {
    if (run->parcels[i].outcome == MAIL_NOT_TRIED) return run->places[i];
  }
  return run->count;
}

/* ---- mails as they are recorded --------------------------------------------------------------------------------- */

/* A run that is being recorded, in a coroutine of its own. */
struct recording {
  struct run run;
  const struct event *const *events;
  bool moves_position; /* false if an earlier run is not recorded: its mails are to be tried again */
  bool under_way;
  struct condition over;
  struct status status;
};

static coroutine_fn struct status record_run(struct run *run, const struct event *const *events, bool moves_position) {
  struct transaction transaction = transaction_of_run(run);
  put_outcomes(run, &transaction);
  size_t settled = count_settled(run);
  if (settled > 0 && run->retried) {
    dead_letter_take(&transaction, run->retried);
  } else if (settled > 0 && moves_position) {
    const struct event *last = events[settled - 1];
    transaction_set_field(&transaction, consumer_position_key(run->store, run->arena), last->stream, last->id,
                          strlen(last->id));
  }
  return commit(run, &transaction);
}

static coroutine_fn void record(void *argument) {
  struct recording *recording = argument;
  recording->status = record_run(&recording->run, recording->events, recording->moves_position);
  recording->under_way = false;
  condition_signal_all(&recording->over);
}

static coroutine_fn void begin_recording(struct recording *recording) {
  recording->under_way = true;
  if (!loop_spawn(coroutine_loop(), record, recording)) record(recording);
}

/* Waits until it is recorded, and frees the run. */
static coroutine_fn struct status end_recording(struct recording *recording, struct arena *arena) {
  if (!recording->run.arena) return status_ok();
  while (recording->under_way) condition_wait(&recording->over, DEADLINE_NEVER);
  struct status status = status_copy(recording->status, arena);
  arena_free(recording->run.arena);
  recording->run.arena = NULL;
  return status;
}

/* Whatever earlier terms have settled is in the stream of updates, and nothing comes from them any more. */
static coroutine_fn struct status begin_term(struct run *run) {
  struct context context = context_of(run);
  struct redis_arguments keys = redis_arguments_empty(run->arena);
  redis_add_text(&keys, event_stream_key(run->store, run->arena, "mail_updated"));
  const struct stream_sight *updated;
  struct status status = streams_look(run->store, &context, &keys, false, &updated);
  if (!status_is_ok(status)) return status;
  tried.until = updated->exists ? log_time_of_entry(updated->last) : 0;
  snprintf(tried.epoch, sizeof tried.epoch, "%s", run->epoch);
  return status;
}

static void note_tried(int64_t until) {
  if (until > tried.until) tried.until = until;
}

/* Finds out how the mails are. They may be changed then, the events not: a run may be refused and begin again. */
static coroutine_fn struct status look_up(struct run *run, const struct event *const *events) {
  struct status status = strcmp(tried.epoch, run->epoch) == 0 ? status_ok() : begin_term(run);
  if (!status_is_ok(status)) return status;
  bool are_new = events[0]->log_time > tried.until;
  note_tried(events[run->count - 1]->log_time);
  if (!are_new) return load(run);
  for (size_t i = 0; i < run->count; i++) run->mails[i] = message_share(run->arena, events[i]->entity);
  return status;
}

/* Delivers a run; what became of its mails is still to be recorded, whatever the status is. *ret_looked says whether
 * there is anything to record. */
static coroutine_fn struct status deliver_run(struct run *run, const struct event *const *events, bool *ret_looked) {
  for (size_t i = 0; i < run->count; i++) {
    run->ids[i] = ((const Ordershop__V1__Mail *)events[i]->entity)->id;
    run->causes[i] = events[i]->event_id;
    run->entries[i] = events[i]->id;
  }
  struct status status = look_up(run, events);
  *ret_looked = status_is_ok(status);
  return *ret_looked ? deliver(run) : status;
}

/* How many events make a run: not too many mails, nor too much of them. */
static size_t run_size(const struct event *const *events, size_t count) {
  size_t bytes = 0, size = 0;
  while (size < count && size < RUN_MAILS && (size == 0 || bytes + events[size]->entity_size <= RUN_BYTES)) {
    bytes += events[size++]->entity_size;
  }
  return size;
}

/* Delivers the next run while `before` is recorded, and begins to record it when that is over. Returns what came of
 * both. */
static coroutine_fn struct status handle_run(struct work *work, struct recording *before, struct recording *recording) {
  bool looked;
  struct status delivered = deliver_run(&recording->run, recording->events, &looked);
  delivered = status_copy(delivered, work_arena(work));
  struct status status = end_recording(before, work_arena(work));
  recording->moves_position = status_is_ok(status);
  if (looked) begin_recording(recording);
  return status_is_ok(status) ? delivered : status;
}

static coroutine_fn struct status deliver_created(struct work *work, const struct event *const *events, size_t count) {
  struct recording recordings[2] = {0}, *before = &recordings[0], *recording = &recordings[1];
  struct status status = status_ok();
  for (size_t done = 0; status_is_ok(status) && done < count;) {
    *recording =
        (struct recording){.run = run_of(work_user(work), work_epoch(work), work_context(work)->redis_era, RUN_MAILS),
                           .events = events + done,
                           .status = status_ok()};
    recording->run.count = run_size(events + done, count - done);
    recording->run.retried = work_retried(work);
    done += recording->run.count;
    status = handle_run(work, before, recording);
    struct recording *free = before;
    before = recording;
    recording = free;
  }
  struct status recorded = end_recording(before, work_arena(work));
  if (status_is_ok(status)) status = recorded;
  /* what is left of the batch begins only now */
  work_context(work)->deadline_us = clock_monotonic_us() + CALL_US;
  return status;
}

const struct subscription mail_subscriptions[MAIL_SUBSCRIPTIONS] = {
    {.entity = &ordershop__v1__mail__descriptor, .created_run = deliver_created},
};

/* ---- mails that were deferred ----------------------------------------------------------------------------------- */

static coroutine_fn struct status load_due(struct run *run) {
  struct context context = context_of(run);
  struct mail_retry retries[RUN_MAILS];
  struct status status = mail_retry_load_due(run->store, &context, RUN_MAILS, retries, &run->count);
  if (!status_is_ok(status) || run->count == 0) return status;
  for (size_t i = 0; i < run->count; i++) {
    run->ids[i] = retries[i].id;
    run->since_us[i] = retries[i].since_us;
  }
  return load(run);
}

static coroutine_fn struct status record_due(struct run *run) {
  struct transaction transaction = transaction_of_run(run);
  bool *waits = arena_calloc(run->arena, run->count, sizeof *waits);
  put_outcomes(run, &transaction);
  for (size_t i = 0; i < run->parcel_count; i++) {
    enum mail_outcome outcome = run->parcels[i].outcome;
    waits[run->places[i]] = outcome == MAIL_NOT_TRIED || outcome == MAIL_DEFERRED;
  }
  for (size_t i = 0; i < run->count; i++) {
    if (!waits[i]) mail_retry_remove(&transaction, run->ids[i]);
  }
  return commit(run, &transaction);
}

/* Tells the log when no mail is deferred any more. */
static coroutine_fn struct status review_deferrals(struct run *run) {
  if (!mail_delivery_defers(run->delivery)) return status_ok();
  struct context context = context_of(run);
  bool any;
  struct status status = mail_retry_any(run->store, &context, &any);
  if (status_is_ok(status)) mail_delivery_review(run->delivery, any);
  return status;
}

coroutine_fn struct status mail_housekeep(void *service, struct context *context, int64_t position, const char *epoch,
                                          bool *ret_tick) {
  (void)position, (void)ret_tick;
  static struct mail_index index; /* there is one service in a process */
  struct run run = run_of(service, epoch, context->redis_era, RUN_MAILS);
  struct status status = load_due(&run);
  if (status_is_ok(status) && run.count > 0) {
    note_tried(event_store_now(run.store)); /* they may be an earlier leader's, which had not come to their events */
    deliver(&run);                          /* that a server is away has been logged, and these are tried again */
    status = record_due(&run);
  }
  if (status_is_ok(status)) status = review_deferrals(&run);
  if (status_is_ok(status)) {
    struct context step = context_of(&run);
    status = mail_index_step(&index, run.store, &step);
  }
  status = status_copy(status, context->arena);
  arena_free(run.arena);
  return status;
}
