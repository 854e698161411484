/* SPDX-License-Identifier: Apache-2.0 */
/* Transaction: checks guards and then makes all changes, or none, as one step inside Redis.
 *
 * It is built in an arena and run once. Guards are checked in the order in which they were added, before any change.
 * Every event gets the next log time; sorted-set entries without a score of their own are scored with the log time of
 * the event that is added after them, so sorted sets keep the order of creation. The time that Redis takes grows with
 * the number of commands and keys: one transaction must stay below 10 ms, about 300 small changes.
 *
 * Those of concurrent calls travel together (commit.h), each with its own guards and its own outcome. Transactions of a
 * process on one store are carried out in the order in which transaction_run was called, so one may build on another
 * that is still under way: if that is refused, its own guards refuse it, too. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "redis/redis_arguments.h"
#include "store/program.h"
#include "store/store_connections.h"

/* A guard or a change. */
struct transaction_step {
  int code; /* by which lua/transactions.lua knows it */
  const char *key;
  size_t values; /* how many it has */
};

/* The guards of a transaction, or its changes. */
struct transaction_steps {
  size_t count, capacity;
  struct transaction_step *steps;
  struct redis_arguments values; /* of all, one after another */
};

struct transaction {
  struct event_store *store;
  struct arena *arena;
  struct transaction_steps guards, changes;
  size_t lookups; /* that guards make beyond one for each */
  size_t event_count;
  const char *last_stream;   /* that an event is appended to; NULL if there is none */
  int64_t after;             /* log time that the events must be later than */
  bool moves_clock;          /* the clock is moved there even if there are no events */
  const char *fault;         /* NULL, or why it can't be run: the first thing that could not be added */
  const char *request_key;   /* NULL means no request record */
  const char *request_value; /* what the record holds or starts with */
  size_t request_value_size;
  bool request_timed;   /* the first event's log time is appended to it */
  bool requires_before; /* a guard requires something of the first event's log time */
  int64_t patience_us;  /* how long it waits for another one to travel with, in microseconds; 0 means not at all */
  bool frees;           /* runs even where Redis is out of memory: it frees something, or gives it back */
  bool checks_kinds;    /* look first whether each key holds what is to be changed in it; costs a command a key */
  size_t wrong_change;  /* after a run that ended REDIS_WRONGTYPE: the number of the change; 0 if unknown */
  bool may_have_run;    /* after a run that failed: whether it may have been carried out, as a whole or in part */
};

/* An empty transaction. Everything that is added lives in `arena`. */
struct transaction transaction_of(struct event_store *store, struct arena *arena);

/* Says that something can't be added, and why: the transaction will not run. A second fault is not noted. */
void transaction_refuse(struct transaction *transaction, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Guards. Each returns its number, by which transaction_result.refused_by tells the one that failed. */
int transaction_require_absent(struct transaction *transaction, const char *key);
int transaction_require_field(struct transaction *transaction, const char *key, const char *field, const char *value);
/* Requires that each field has its value; `fields` alternates field and value. A refusal tells what the first field
 * has, whichever differs. */
int transaction_require_fields(struct transaction *transaction, const char *key, const struct redis_arguments *fields);
int transaction_require_no_field(struct transaction *transaction, const char *key, const char *field);
/* Requires that the string at `key` is `value`, such as a lease's epoch. */
int transaction_require_value(struct transaction *transaction, const char *key, const char *value);
/* Require that the string at `key`, or the field, still is what was read there: these bytes, or nothing at all if
 * `value` is NULL. */
int transaction_require_unchanged(struct transaction *transaction, const char *key, const void *value, size_t size);
int transaction_require_field_unchanged(struct transaction *transaction, const char *key, const char *field,
                                        const void *value, size_t size);
/* Requires that the field is an entry id whose log time is below `log_time`, or that there is none: such as a position
 * that has not come so far. */
int transaction_require_field_below(struct transaction *transaction, const char *key, const char *field,
                                    int64_t log_time);
/* Requires that all of `in` are members of the set at `key` and none of `out` is. */
int transaction_require_members(struct transaction *transaction, const char *key, const struct redis_arguments *in,
                                const struct redis_arguments *out);
/* Requires that the list at `key` begins with these values, of which there is at least one. */
int transaction_require_beginning(struct transaction *transaction, const char *key,
                                  const struct redis_arguments *values);
/* Requires that the first event's log time is below `log_time`. A refusal moves the clock there, so that no later try
 * can be earlier. In a transaction without events this is a fault. */
int transaction_require_before(struct transaction *transaction, int64_t log_time);

/* Sets the request record: when `key` exists already, nothing is changed and the outcome is REPLAYED, whatever the
 * other guards say. */
void transaction_request(struct transaction *transaction, const char *key, const void *value, size_t size, bool timed);

/* Changes, made in the order in which they were added. A key, field or value that is NULL, and fields without their
 * values, are faults. */
void transaction_set_value(struct transaction *transaction, const char *key, const char *value);
/* `fields` alternates field and value. */
void transaction_set_fields(struct transaction *transaction, const char *key, const struct redis_arguments *fields);
void transaction_set_field(struct transaction *transaction, const char *key, const char *field, const void *value,
                           size_t size);
void transaction_remove_field(struct transaction *transaction, const char *key, const char *field);
void transaction_add_member(struct transaction *transaction, const char *key, const char *member);
void transaction_remove_member(struct transaction *transaction, const char *key, const char *member);
/* Adds to a sorted set; a `score` of 0 means the log time of the event that is added next. */
void transaction_add_scored(struct transaction *transaction, const char *key, const char *member, int64_t score);
void transaction_remove_scored(struct transaction *transaction, const char *key, const char *member);
/* Appends to a list, if there is anything; trim removes the first `count`, keep_last all but the last `count`. */
void transaction_push(struct transaction *transaction, const char *key, const struct redis_arguments *values);
void transaction_trim(struct transaction *transaction, const char *key, int64_t count);
void transaction_keep_last(struct transaction *transaction, const char *key, int64_t count);
void transaction_delete(struct transaction *transaction, const char *key);
/* Says that what it does follows from something at that log time, be it in another Redis' log: its events are later.
 * Where the service follows logs of others, the clock is moved there even if there are no events: what it changes leads
 * to later ones. */
void transaction_follow(struct transaction *transaction, int64_t log_time);

/* Adds an event; `fields` alternates field and value (see event.h). */
void transaction_append(struct transaction *transaction, const char *key, const struct redis_arguments *fields);

/* Lets the consumer group of the stream `key` show that everything up to the entry `id` has been applied, and makes it
 * if it is missing. `from` is where it was, and `count` how many entries lie between; "" means that this is not known.
 */
void transaction_move_group(struct transaction *transaction, const char *key, const char *group, const char *id,
                            const char *from, size_t count);

enum transaction_outcome { TRANSACTION_DONE, TRANSACTION_REPLAYED, TRANSACTION_REFUSED };

struct transaction_result {
  enum transaction_outcome outcome;
  struct position position; /* DONE: that of the last event; log_time is 0 without events */
  int64_t first;            /* DONE: log time of the first event, 0 without events */
  const char *record;       /* REPLAYED: the request record's value */
  size_t record_size;
  int refused_by;     /* REFUSED: number of the guard */
  const char *actual; /* REFUSED: what it found there; NULL means nothing */
};

/* Runs it. It follows what the context's caller has seen of other services' logs, and what peers have told in it
 * (transaction_follow), up to ten seconds beyond the wall clock. Errors: INTERNAL CHANGE_INVALID (it has a fault: an
 * error of the program, nothing was sent), INTERNAL REDIS_WRONGTYPE (it checks kinds, and a key holds another one;
 * nothing was changed), DEADLINE_EXCEEDED, and as redis_command. Afterwards `may_have_run` is false if it is certain
 * that nothing was done: Redis refused it, or the deadline came, or the connection went, before it was sent. If Redis
 * refused one of its changes (REDIS_WRONGTYPE without a check of kinds, REDIS_NOPERM, REDIS_ERROR), those before it
 * were made. */
coroutine_fn struct status transaction_run(struct transaction *transaction, struct context *context,
                                           struct transaction_result *ret_result);

/* Adds it to the program of a commit (commit.c). */
void transaction_add_to(const struct transaction *transaction, struct program *program);
