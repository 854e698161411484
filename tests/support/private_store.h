/* SPDX-License-Identifier: Apache-2.0 */
/* An event store on a private Redis, for tests of transactions and of what is built on them. */
#pragma once

#include "base/context.h"
#include "loop/coroutine.h"
#include "private_redis.h"
#include "store/event_store.h"

/* Opens the store of a service on that Redis, which is emptied before, and waits until it is ready; the test fails if
 * it doesn't become so. */
coroutine_fn struct event_store *private_store_open(struct context *context, struct private_redis *redis,
                                                    const char *service);

/* Likewise at an address, which may lead through a forwarder; nothing is emptied. The password is "secret" if the
 * address names a user. */
coroutine_fn struct event_store *private_store_open_at(struct context *context, const char *url, const char *service);

/* For `eventually`: whether the store, the argument, is ready. */
bool private_store_is_ready(void *store);
