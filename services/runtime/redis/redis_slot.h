/* SPDX-License-Identifier: Apache-2.0 */
/* Redis slot: where a cluster keeps the keys of one prefix (https://redis.io/docs/reference/cluster-spec/). */
#pragma once

#include "redis/redis_url.h"

/* Returns the slot of all keys that begin with `prefix`, or -1 if the prefix has no hash tag: {...} with something in
 * it. */
int redis_slot_of_prefix(const char *prefix);

/* Returns what the prefix must be for that URL if it isn't ("must have a hash tag ..."), else NULL. */
const char *redis_prefix_mistake(const struct redis_url *url, const char *prefix);
