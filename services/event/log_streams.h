/* SPDX-License-Identifier: Apache-2.0 */
/* Log streams: which streams the logs have, and of which entities.
 *
 * Those of the contract are known from the beginning on. Streams of services of one's own lie in the shop's log, and
 * are searched for in its Redis as long as the service runs. A stream that is known stays known, and keeps its number
 * and its place in memory; log_streams_clear alone ends that. One owner, one loop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "log_entry.h"
#include "log_places.h"
#include "loop/coroutine.h"
#include "stored_types.h"

enum { LOG_STREAMS_MAX = 3000 };

struct log_streams;

/* Returns an object that knows no stream yet. The caller owns it: log_streams_free. `places` and `types` must live as
 * long; the streams themselves live in the service's arena. */
struct log_streams *log_streams_new(const struct log_places *places, struct stored_types *types);
void log_streams_free(struct log_streams *streams);

/* Makes it know no stream again. */
void log_streams_clear(struct log_streams *streams);

/* Adds a stream by its name, such as "order_created", and returns it. Returns NULL if it is known already, or if there
 * are LOG_STREAMS_MAX. */
const struct log_stream *log_streams_add(struct log_streams *streams, const char *name);

/* Adds the streams of the contract's entities, whether or not they have entries. */
void log_streams_add_contract(struct log_streams *streams);

/* Takes one step of the search for streams, and looks for the types of all: so those of a stream are looked for before
 * its first entries are read. Each step takes little of Redis' time, however many keys there are, and after all keys
 * have been gone through once there is one step a second at most. `context` is for the shop's log. Errors: those of
 * redis_command. */
coroutine_fn struct status log_streams_search(struct log_streams *streams, struct context *context);

/* Returns whether the search has gone through all keys once. */
bool log_streams_is_searched(const struct log_streams *streams);

/* Where the logs are. */
const struct log_places *log_streams_places(const struct log_streams *streams);

/* How many there are, and the one of that number; NULL behind the last. */
size_t log_streams_count(const struct log_streams *streams);
const struct log_stream *log_streams_at(const struct log_streams *streams, size_t number);

/* Returns whether log number `log` has any of them. */
bool log_streams_has_log(const struct log_streams *streams, size_t log);

/* Returns whether there is a stream of such entities. */
bool log_streams_knows_entity(const struct log_streams *streams, const char *entity);

/* Entity `index` of those that have streams, or NULL behind the last. */
const char *log_streams_entity(const struct log_streams *streams, size_t index);

/* The type with which a stream's entry of that log time is read, INT64_MAX for the latest one; NULL if it is not known.
 */
const ProtobufCMessageDescriptor *log_streams_type(const struct log_streams *streams, const struct log_stream *stream,
                                                   int64_t log_time);
