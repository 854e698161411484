/* SPDX-License-Identifier: Apache-2.0 */
/* View: a service's own copy of what it needs of others' entities (a projection), kept in one Redis hash
 * `<service>_<view>`: field = key, value = packed record. Written only by the service's active consumer through a work
 * (work.h), in log order; read by all its replicas. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "store/event_store.h"

#define VIEW_FIELDS 8 /* the place behind them stays empty: what stands there is one too many */

struct view {
  const char *name; /* "products": the hash is order_products in the service order */
  const ProtobufCMessageDescriptor *record;
  const char *fields[VIEW_FIELDS + 1]; /* those that projection_keep (consumer/projection.h) keeps; none means all */
};

/* The key of the hash. */
const char *view_key(const struct event_store *store, struct arena *arena, const struct view *view);

/* The key of the hash beside it in which the view is built anew (consumer/view_rebuild.h). */
const char *view_shadow_key(const struct event_store *store, struct arena *arena, const struct view *view);

/* Reads the record of `key`; *ret_record is NULL if there is none. */
coroutine_fn struct status view_read(struct event_store *store, struct context *context, const struct view *view,
                                     const char *key, void **ret_record);

/* Reads several in one round trip. */
coroutine_fn struct status view_read_many(struct event_store *store, struct context *context, const struct view *view,
                                          const char *const *keys, size_t count, void **ret_records);

/* The same in two steps, by which several questions travel together: each view_ask is followed by exactly one
 * view_answer, in the same coroutine. `keys` must live until then. Only the answer yields. */
struct view_question {
  struct context *context;
  const struct view *view;
  const char *const *keys;
  size_t count;
  struct redis_pending *pending; /* NULL if nothing was asked for */
};
struct view_question view_ask(struct event_store *store, struct context *context, const struct view *view,
                              const char *const *keys, size_t count);
coroutine_fn struct status view_answer(const struct view_question *question, void **ret_records);
