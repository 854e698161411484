/* SPDX-License-Identifier: Apache-2.0 */
#include "store/commit.h"

#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "redis/redis_reply.h"
#include "store/known_log.h"
#include "store/log_clock.h"
#include "store/positions.h"
#include "store/transaction.h"
#include "trace/span.h"

enum {
  AHEAD_US = 10 * 1000 * 1000,
  COMMIT_STEPS = 300, /* guards, changes and what counts as them: a Redis of 2026 takes about 2 ms for it */
  BYTES_LIKE_A_STEP = 4096,
};

static const struct metric commit_transactions = {
    .name = "commit_transactions",
    .help = "Transactions that were sent to Redis together, in one call of a function.",
    .kind = METRIC_HISTOGRAM,
    .bounds = {1, 2, 4, 8, 16, 32, 64, 128, 256}};

/* A transaction that is being run. It lies on the stack of its coroutine, and all that it points to with its caller. */
struct member {
  struct transaction *transaction;
  struct context *context;
  struct coroutine *coroutine;
  size_t steps;
  int64_t due_us;                 /* when it is sent even without company; 0 means at once */
  struct member *next, *previous; /* in line */
  struct member **place;          /* in the commit that has sent it; NULL means in line */
  bool answered;
  struct status status;
  struct transaction_result result;
};

struct committer {
  struct event_store *store;
  struct metric_histogram *shared; /* how many transactions travel together */
  struct member *first, *last;     /* in line */
  bool stopping, ended;
  struct condition changed; /* somebody came into line, or it is stopping, or has ended */
};

/* The transactions that one function carries out. Those whose callers have left are NULL. */
struct commit {
  struct event_store *store;
  struct context context;
  struct member *members[COMMIT_STEPS];
  size_t count;
  bool sent; /* and not refused: what is not answered may have been carried out */
};

/* ---- the line --------------------------------------------------------------------------------------------------- */

static void line_up(struct committer *committer, struct member *member) {
  member->previous = committer->last;
  *(member->previous ? &member->previous->next : &committer->first) = member;
  committer->last = member;
  condition_signal_all(&committer->changed);
}

static void leave_line(struct committer *committer, struct member *member) {
  *(member->previous ? &member->previous->next : &committer->first) = member->next;
  *(member->next ? &member->next->previous : &committer->last) = member->previous;
}

static void answer(struct member *member, struct status status) {
  member->status = status;
  member->answered = true;
  coroutine_wake(member->coroutine);
}

/* Whether one function can carry out both: Redis lets one that frees run where it is out of memory. */
static bool is_alike(const struct member *one, const struct member *other) {
  return one->transaction->frees == other->transaction->frees;
}

/* Takes those off the line that make the next commit. One that must not be sent any more is answered instead. */
static void take_members(struct committer *committer, struct commit *commit) {
  size_t steps = 0;
  while (committer->first) {
    struct member *member = committer->first;
    if (commit->count > 0 && (steps + member->steps > COMMIT_STEPS || !is_alike(commit->members[0], member))) return;
    leave_line(committer, member);
    struct status status = redis_may_ask(committer->store->commands, member->context);
    if (!status_is_ok(status)) {
      answer(member, status);
      continue;
    }
    steps += member->steps;
    member->place = &commit->members[commit->count++];
    *member->place = member;
  }
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

/* Closes the gaps that those have left who didn't wait. */
static void close_ranks(struct commit *commit) {
  size_t count = 0;
  for (size_t i = 0; i < commit->count; i++) {
    struct member *member = commit->members[i];
    if (!member) continue;
    member->place = &commit->members[count++];
    *member->place = member;
  }
  commit->count = count;
}

static struct program program_of_commit(const struct commit *commit) {
  struct arena *arena = commit->context.arena;
  size_t events = 0, keys = 0;
  for (size_t i = 0; i < commit->count; i++) {
    const struct transaction *transaction = commit->members[i]->transaction;
    events += transaction->event_count + transaction->moves_clock;
    keys += 1 + transaction->guards.count + transaction->changes.count;
  }
  struct program program = program_of(arena, clock_key(commit->store, arena), events, keys);
  for (size_t i = 0; i < commit->count; i++) transaction_add_to(commit->members[i]->transaction, &program);
  return program;
}

static struct redis_arguments command_of(const struct commit *commit) {
  struct program program = program_of_commit(commit);
  bool frees = commit->count > 0 && commit->members[0]->transaction->frees;
  const char *function = frees ? "transactions_freeing" : "transactions";
  return redis_function_command(commit->context.arena, commit->store->library, function, &program.keys,
                                &program.arguments);
}

/* Sends all that are still waited for. Whatever error Redis answers to the function, nothing of it was run. */
static coroutine_fn struct status ask_once(struct commit *commit, const struct redis_reply **ret_reply) {
  close_ranks(commit);
  struct redis_arguments command = command_of(commit);
  struct redis_pending *pending = redis_send(commit->store->commands, &commit->context, &command);
  bool sent = redis_is_sent(pending);
  struct status status = redis_receive(pending, ret_reply);
  commit->sent = sent && (status_is_ok(status) || status_is(status, reason_redis_unreachable));
  return status;
}

static bool lacks_clock(const struct redis_reply *reply) {
  const char *text = redis_reply_text(redis_reply_at(reply, 0));
  return text && strcmp(text, "no clock") == 0;
}

static coroutine_fn struct status ask(struct commit *commit, const struct redis_reply **ret_reply) {
  struct event_store *store = commit->store;
  struct status status = ask_once(commit, ret_reply);
  if (status_is(status, reason_redis_function_unknown)) {
    status = redis_library_load(store->commands, &commit->context, store->library);
    if (status_is_ok(status)) status = ask_once(commit, ret_reply);
  }
  if (!status_is_ok(status) || !lacks_clock(*ret_reply)) return status;
  commit->sent = false;
  struct position now;
  status = clock_make(store, &commit->context, &now);
  return status_is_ok(status) ? ask_once(commit, ret_reply) : status;
}

/* ---- outcomes --------------------------------------------------------------------------------------------------- */

static struct status wrong_kind(struct transaction *transaction, const struct redis_reply *outcome) {
  transaction->wrong_change = (size_t)redis_reply_number(redis_reply_at(outcome, 1), 0);
  transaction->may_have_run = false;
  return status_error(transaction->arena, STATUS_INTERNAL, reason_redis_wrongtype, "the key %s holds a %s",
                      transaction->changes.steps[transaction->wrong_change - 1].key,
                      redis_reply_text(redis_reply_at(outcome, 2)));
}

static void read_done(struct member *member, int64_t first, const struct redis_reply *epoch) {
  struct transaction_result result = {.outcome = TRANSACTION_DONE, .first = first};
  if (first) {
    position_from_reply(NULL, epoch, &result.position);
    result.position.log_time = first + (int64_t)member->transaction->event_count - 1;
  }
  member->result = result;
}

static void read_replayed(struct member *member, const struct redis_reply *record) {
  member->result = (struct transaction_result){
      .outcome = TRANSACTION_REPLAYED,
      .record = arena_memdup(member->transaction->arena, record->text, record->size),
      .record_size = record->size,
  };
}

static void read_refused(struct member *member, const struct redis_reply *outcome) {
  member->result = (struct transaction_result){
      .outcome = TRANSACTION_REFUSED,
      .refused_by = (int)redis_reply_number(redis_reply_at(outcome, 1), 0),
      .actual = arena_strdup(member->transaction->arena, redis_reply_text(redis_reply_at(outcome, 2))),
  };
}

/* See the outcomes in lua/transactions.lua. Nothing may point to the commit's arena afterwards. */
static struct status read_outcome(const struct commit *commit, struct member *member, const struct redis_reply *outcome,
                                  const struct redis_reply *epoch) {
  struct transaction *transaction = member->transaction;
  if (outcome->type == REDIS_NUMBER) {
    read_done(member, outcome->number, epoch);
    return status_ok();
  }
  const char *kind = redis_reply_text(redis_reply_at(outcome, 0));
  if (strcmp(kind, "kind") == 0) return wrong_kind(transaction, outcome);
  if (strcmp(kind, "failed") == 0) {
    const char *error = redis_reply_text(redis_reply_at(outcome, 1));
    return redis_refusal(commit->store->commands, transaction->arena, "FCALL", error);
  }
  if (strcmp(kind, "replayed") == 0) read_replayed(member, redis_reply_at(outcome, 1));
  if (strcmp(kind, "refused") == 0) read_refused(member, outcome);
  return status_ok();
}

static void note_events(const struct commit *commit, const struct member *member) {
  const struct position *position = &member->result.position;
  if (!position->log_time) return;
  clock_saw(commit->store, position);
  known_log_appended(commit->store->known, member->transaction->last_stream, position->log_time);
}

static void answer_each(struct commit *commit, const struct redis_reply *reply) {
  for (size_t i = 0; i < commit->count; i++) {
    struct member *member = commit->members[i];
    if (!member) continue;
    member->transaction->may_have_run = true;
    struct status status = read_outcome(commit, member, redis_reply_at(reply, i + 1), redis_reply_at(reply, 0));
    if (status_is_ok(status)) note_events(commit, member);
    answer(member, status);
  }
}

static void answer_all(struct commit *commit, struct status status) {
  for (size_t i = 0; i < commit->count; i++) {
    struct member *member = commit->members[i];
    if (!member) continue;
    member->transaction->may_have_run = commit->sent;
    answer(member, status_copy(status, member->transaction->arena));
  }
}

/* ---- the committer ---------------------------------------------------------------------------------------------- */

static coroutine_fn void carry_out(struct commit *commit);

/* Redis refuses a function as a whole if its user may not use one of the keys, and doesn't say which. The others' calls
 * are not to blame, so one half is tried after the other, and so on: the number of functions grows with the logarithm.
 */
static coroutine_fn void carry_out_in_halves(struct commit *commit) {
  for (size_t from = 0, end = commit->count / 2; from < commit->count; from = end, end = commit->count) {
    struct commit half = {.store = commit->store, .context = commit->context};
    for (size_t i = from; i < end; i++) {
      struct member *member = commit->members[i];
      if (!member) continue;
      member->place = &half.members[half.count++];
      *member->place = member;
      commit->members[i] = NULL;
    }
    if (half.count > 0) carry_out(&half);
  }
}

static coroutine_fn void carry_out(struct commit *commit) {
  const struct redis_reply *reply;
  struct status status = ask(commit, &reply);
  if (status_is_ok(status)) {
    answer_each(commit, reply);
  } else if (status_is(status, reason_redis_noperm) && commit->count > 1) {
    carry_out_in_halves(commit);
  } else {
    answer_all(commit, status);
  }
}

/* Asks Redis only where the connection is a fresh one. */
static coroutine_fn struct status check(struct event_store *store, struct context *context) {
  struct status status = known_log_check(store->known, context);
  if (!status_is_ok(status) || !store->before_commit) return status;
  return store->before_commit(store->before_commit_argument, context);
}

static coroutine_fn void commit_next(struct committer *committer) {
  struct commit commit = {.store = committer->store, .context = {.arena = arena_new(), .deadline_us = DEADLINE_NEVER}};
  struct status status = check(committer->store, &commit.context);
  take_members(committer, &commit);
  if (!status_is_ok(status)) {
    answer_all(&commit, status);
  } else if (commit.count > 0) {
    metric_observe(committer->shared, (int64_t)commit.count);
    carry_out(&commit);
  }
  arena_free(commit.context.arena);
}

/* When the first of those in line is due. */
static int64_t first_due_us(const struct committer *committer) {
  int64_t due_us = DEADLINE_NEVER;
  for (const struct member *member = committer->first; member && due_us > 0; member = member->next) {
    if (member->due_us < due_us) due_us = member->due_us;
  }
  return due_us;
}

void committer_hurry(struct committer *committer) {
  for (struct member *member = committer->first; member; member = member->next) member->due_us = 0;
  condition_signal_all(&committer->changed);
}

static coroutine_fn void run(void *argument) {
  struct committer *committer = argument;
  while (committer->first || !committer->stopping) {
    int64_t due_us = first_due_us(committer);
    bool waits = due_us > 0 && due_us > clock_monotonic_us() && !(committer->first && committer->stopping);
    if (waits) {
      condition_wait(&committer->changed, due_us);
    } else {
      commit_next(committer);
    }
  }
  committer->ended = true;
  condition_signal_all(&committer->changed);
}

struct committer *committer_start(struct loop *loop, struct arena *arena, struct event_store *store) {
  struct committer *committer = arena_calloc(arena, 1, sizeof *committer);
  committer->store = store;
  committer->shared = metric_histogram(&commit_transactions, NULL);
  loop_spawn(loop, run, committer);
  return committer;
}

coroutine_fn void committer_stop(struct committer *committer) {
  committer->stopping = true;
  condition_signal_all(&committer->changed);
  while (!committer->ended) condition_wait(&committer->changed, DEADLINE_NEVER);
}

/* ---- running one ------------------------------------------------------------------------------------------------ */

static size_t bytes_of(const struct redis_arguments *values) {
  size_t bytes = 0;
  for (size_t i = 0; i < values->count; i++) bytes += values->sizes[i];
  return bytes;
}

static size_t steps_of(const struct transaction *transaction) {
  size_t bytes = transaction->request_value_size + bytes_of(&transaction->guards.values);
  bytes += bytes_of(&transaction->changes.values);
  size_t steps = transaction->guards.count + transaction->lookups + transaction->changes.count;
  return 1 + steps + bytes / BYTES_LIKE_A_STEP;
}

/* Returns why it can't be run, or NULL. */
static const char *fault_of(const struct transaction *transaction) {
  if (transaction->fault) return transaction->fault;
  bool has_no_time = transaction->requires_before && transaction->event_count == 0;
  return has_no_time ? "what has no events can't be required to be before a log time" : NULL;
}

/* To be called when the deadline has come: the commit goes on without it. */
static void give_up(struct committer *committer, struct member *member) {
  struct arena *arena = member->context->arena;
  if (member->place) {
    *member->place = NULL;
    member->transaction->may_have_run = true;
    member->status = status_error(arena, STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded,
                                  "Redis has not answered within the deadline");
  } else {
    leave_line(committer, member);
    member->status = status_error(arena, STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded,
                                  "the deadline was over before Redis could be asked; nothing was done");
  }
  member->answered = true;
}

/* What the caller has seen of other services' logs, and what peers have told of theirs, comes before what is done now.
 * Whether a caller's position is true can't be told where this service does not read that log: so it moves the clock
 * beyond the present by some seconds at most. */
static void follow_context(struct transaction *transaction, const struct context *context) {
  const char *own = transaction->store->log;
  int64_t log_time = context->heard ? *context->heard : 0, most = clock_wall_us() + AHEAD_US;
  struct positions seen = {.count = 0};
  bool tells_others = context->after && (*own || strchr(context->after, ':'));
  if (tells_others && positions_parse(context->after, &seen)) {
    int64_t latest = positions_latest_besides(&seen, own);
    if (latest > log_time) log_time = latest;
  }
  if (log_time > 0) transaction_follow(transaction, log_time < most ? log_time : most);
}

/* As Redis' client sees it: what it carries out, and what came of it. */
static struct span *begin_span(const struct transaction *transaction, const struct context *context) {
  const char *traceparent = context->traceparent;
  struct span *span = span_begin(SPAN_CLIENT, "FCALL transactions", context->arena, &traceparent);
  if (!span) return NULL;
  span_text(span, "db.system.name", "redis");
  span_text(span, "db.operation.name", "FCALL");
  span_text(span, "db.stored_procedure.name", "transactions");
  span_number(span, "transaction.changes", (int64_t)transaction->changes.count);
  span_number(span, "transaction.events", (int64_t)transaction->event_count);
  return span;
}

static void end_span(struct span *span, const struct member *member) {
  static const char *const outcomes[] = {
      [TRANSACTION_DONE] = "done", [TRANSACTION_REPLAYED] = "replayed", [TRANSACTION_REFUSED] = "refused"};
  if (!span) return;
  if (status_is_ok(member->status)) {
    span_text(span, "transaction.outcome", outcomes[member->result.outcome]);
  } else {
    span_fail(span, member->status.message);
  }
  span_end(span);
}

coroutine_fn struct status transaction_run(struct transaction *transaction, struct context *context,
                                           struct transaction_result *ret_result) {
  follow_context(transaction, context);
  const char *fault = fault_of(transaction);
  if (fault) return status_error(transaction->arena, STATUS_INTERNAL, reason_change_invalid, "%s", fault);
  struct committer *committer = transaction->store->committer;
  struct member member = {
      .transaction = transaction, .context = context, .coroutine = coroutine_self(), .steps = steps_of(transaction)};
  if (transaction->patience_us > 0) member.due_us = clock_monotonic_us() + transaction->patience_us;
  struct span *span = begin_span(transaction, context);
  line_up(committer, &member);
  while (!member.answered) {
    bool in_time = coroutine_yield_until(context->deadline_us);
    if (!in_time && !member.answered) give_up(committer, &member);
  }
  end_span(span, &member);
  if (status_is_ok(member.status)) *ret_result = member.result;
  return member.status;
}
