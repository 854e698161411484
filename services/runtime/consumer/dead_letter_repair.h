/* SPDX-License-Identifier: Apache-2.0 */
/* The repair of dead letters, as an operator asks for it; on any replica. The leader then drains
 * (dead_letter_drain.h). Threads: the loop's. */
#pragma once

#include "base/context.h"
#include "base/status.h"
#include "consumer/dead_letter_read.h"
#include "consumer/operations.h"
#include "loop/coroutine.h"
#include "redis/redis_arguments.h"

/* Asks for retries of these keys, which are held from now on if they were not, and records the operation. Where it
 * fails, some of them may be retried. Yields. Errors: as transaction_run. */
coroutine_fn struct status dead_letters_ask_retry(struct event_store *store, struct context *context,
                                                  const struct redis_arguments *keys,
                                                  const struct operation *operation);

/* Gives up the first dead letter of a key, which operation->subject names, if its id is operation->id; records that,
 * and asks for a retry of what is behind it. *ret_skipped and *ret_note are what was given up. Yields. Errors:
 * NOT_FOUND (DEAD_LETTER_NOT_FOUND: the key has none), FAILED_PRECONDITION (DEAD_LETTER_NOT_FIRST: another one is the
 * first); as transaction_run. */
coroutine_fn struct status dead_letter_skip(struct event_store *store, struct context *context,
                                            const struct operation *operation, struct dead_letter_sight *ret_skipped);

/* Counts those of the keys whose retry is not over yet. Yields. Errors: those of redis_command. */
coroutine_fn struct status dead_letters_count_retries(const struct event_store *store, struct context *context,
                                                      const struct redis_arguments *keys, size_t *ret_count);
