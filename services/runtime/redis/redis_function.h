/* SPDX-License-Identifier: Apache-2.0 */
/* Redis function libraries (https://redis.io/docs/manual/programmability/functions-intro/).
 *
 * A library is named by owner and content hash (`coupon_runtime_1f3a9c02`) and its functions
 * `coupon_runtime_1f3a9c02_<function>`, so that programs of different versions live side by side on one server; it
 * is never replaced. In the Lua source the word @LIBRARY@ stands for that name; the source starts with
 * `#!lua name=@LIBRARY@`. It is loaded at start and again whenever Redis says that the function is unknown (an emptied
 * or failed-over server), after which the call, which cannot have run, is made once more. */
#pragma once

#include <stddef.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "redis/redis.h"

struct redis_library;

/* `owner` is the name before the hash; `source` is the Lua text. The library lives as long as the arena. */
struct redis_library *redis_library_new(struct arena *arena, const char *owner, const char *source);

/* Loads the library unless it is there. */
coroutine_fn struct status redis_library_load(struct redis *redis, struct context *context,
                                              const struct redis_library *library);

/* Calls <library>_<function> by FCALL with these keys and values. Errors: as redis_command. */
coroutine_fn struct status redis_function_call(struct redis *redis, struct context *context,
                                               const struct redis_library *library, const char *function,
                                               const struct redis_arguments *keys, const struct redis_arguments *values,
                                               const struct redis_reply **ret_reply);

/* Returns the command that does so, for a caller who sends it himself. It points to the keys and values. */
struct redis_arguments redis_function_command(struct arena *arena, const struct redis_library *library,
                                              const char *function, const struct redis_arguments *keys,
                                              const struct redis_arguments *values);

/* Returns the server-wide name of a function of the library. */
const char *redis_function_name(struct arena *arena, const struct redis_library *library, const char *function);
