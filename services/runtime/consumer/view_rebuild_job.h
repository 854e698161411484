/* SPDX-License-Identifier: Apache-2.0 */
/* View rebuild job: what is stored of the latest rebuild of a view (view_rebuild.h): who asked for what, how far it is,
 * and what has come of it.
 *
 * Stored in the hash `<service>_rebuild`. Any replica may ask for a rebuild and read how far it is; the leader does it,
 * and writes what it does only as long as it leads and the job is still the same. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "consumer/leader.h"
#include "loop/coroutine.h"
#include "store/event_store.h"
#include "store/transaction.h"

enum { VIEW_DIFFERENCES_TOLD = 100 };

enum view_rebuild_state {
  VIEW_REBUILD_NONE, /* nobody has asked for one */
  VIEW_REBUILD_ASKED,
  VIEW_REBUILD_BUILDING,
  VIEW_REBUILD_COMPARING,
  VIEW_REBUILD_DONE,
  VIEW_REBUILD_FAILED, /* error says why */
};

enum view_difference_kind { VIEW_ROW_WRONG, VIEW_ROW_MISSING, VIEW_ROW_SURPLUS, VIEW_DIFFERENCE_KINDS };

/* A field that differs, or a row that only one of both has (then `field` is ""). Texts are for people, and cut. */
struct view_difference {
  enum view_difference_kind kind;
  const char *key, *field, *live, *rebuilt;
};

/* All texts are set, and may be empty. */
struct view_rebuild_job {
  const char *id; /* a UUID */
  const char *view;
  bool verify_only;
  const char *by, *reason;
  enum view_rebuild_state state;
  int64_t asked_us, ended_us; /* wall clock; 0 means not yet */
  int64_t attempts;           /* how many leaders have begun it */
  const char *error;
  int64_t events_total, events_read, events_left_out;
  int64_t rows_compared;
  int64_t rows[VIEW_DIFFERENCE_KINDS]; /* that differ */
  struct view_difference *differences; /* the first of them */
  size_t difference_count;
};

/* The hash's key. */
const char *view_rebuild_key(const struct event_store *store, struct arena *arena);

/* Returns whether it is neither done nor failed. */
bool view_rebuild_job_is_open(const struct view_rebuild_job *job);

/* Reads it, into the context's arena. Yields. Errors: those of redis_command. */
coroutine_fn struct status view_rebuild_job_read(const struct event_store *store, struct context *context,
                                                 struct view_rebuild_job *ret_job);

/* Reads only whether there is one that is neither done nor failed. Yields. Errors: those of redis_command. */
coroutine_fn struct status view_rebuild_job_look(const struct event_store *store, struct context *context,
                                                 bool *ret_open);

/* Stores a new job that asks for a rebuild: id, view, verify_only, by and reason are set. *ret_job is what is stored.
 * Errors: FAILED_PRECONDITION (VIEW_REBUILD_UNDER_WAY), those of transaction_run. Yields. */
coroutine_fn struct status view_rebuild_job_ask(struct event_store *store, struct context *context,
                                                const struct view_rebuild_job *job, struct view_rebuild_job *ret_job);

/* Adds to `fields`, which alternate field and value, what the leader changes of a job. */
void view_rebuild_job_add(const struct view_rebuild_job *job, struct redis_arguments *fields);

/* Returns FAILED_PRECONDITION VIEW_REBUILD_CHANGED, for when what is stored is another job. */
struct status view_rebuild_changed(struct arena *arena);

/* Stores what the leader changes. Errors: FAILED_PRECONDITION (LEASE_LOST; VIEW_REBUILD_CHANGED: it is another job),
 * those of transaction_run. Yields. */
coroutine_fn struct status view_rebuild_job_store(const struct leader *leader, struct context *context,
                                                  const struct view_rebuild_job *job);
