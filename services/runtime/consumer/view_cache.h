/* SPDX-License-Identifier: Apache-2.0 */
/* View cache: the records of views that a unit of work (work.h) has read or changed.
 *
 * A record is read once, together with all others that are wanted by then; whoever gets it afterwards sees what was put
 * last. What was put is written by a transaction; from then on the records stay known as they are. Memory: the arena.
 * Belongs to the consumer's coroutine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "store/transaction.h"
#include "store/view.h"

struct view_cache {
  struct event_store *store;
  struct arena *arena;
  struct cached_view *views;
  bool shadow; /* they are those of views that are built anew (view_shadow.h) */
};

/* An empty one. */
struct view_cache view_cache_of(struct event_store *store, struct arena *arena);

/* Says that a record will be needed. */
void view_cache_want(struct view_cache *cache, const struct view *view, const char *key);

/* Reads the records that were wanted and are not known yet, one command for each view. Yields. */
coroutine_fn struct status view_cache_fetch(struct view_cache *cache, struct context *context);

/* Gets a record, or NULL if there is none. It may be changed and put back. May yield. Errors: DATA_LOSS
 * VIEW_UNDECODABLE; those of redis_command. */
coroutine_fn struct status view_cache_get(struct view_cache *cache, struct context *context, const struct view *view,
                                          const char *key, void **ret_record);

/* Puts a packed record, which the cache keeps by reference; NULL removes it. */
void view_cache_put(struct view_cache *cache, const struct view *view, const char *key, const void *bytes, size_t size);

/* How many records have been put and not been written yet. */
size_t view_cache_changes(const struct view_cache *cache);

/* Adds to the transaction what was put. */
void view_cache_write(const struct view_cache *cache, struct transaction *transaction);

/* Says that what was put has been written. */
void view_cache_written(struct view_cache *cache);
