/* SPDX-License-Identifier: Apache-2.0 */
/* The ids of what is in the shop for the run: what was made before, for any call, and what calls of the run have made,
 * for one call each. One thread. */
#pragma once

#include <stdbool.h>

#include "client/load/http2_connection.h"
#include "client/load/load_command.h"
#include "client/load/load_random.h"

#define LOAD_ID_BYTES 36

struct load_id {
  char id[LOAD_ID_BYTES];
  char position[CALL_POSITION_MAX]; /* of the answer that it came in; "" if there was none */
};

/* A first-in, first-out queue, oldest first, so that what is taken is known to other services by then. */
struct load_ids {
  struct load_id *ids;
  size_t first, count, capacity;
};

struct load_shop {
  struct load_ids any[LOAD_KINDS], own[LOAD_KINDS];
  bool keeps[LOAD_KINDS]; /* what the run makes of this kind is wanted by later calls */
};

void load_ids_add(struct load_ids *ids, const char *id, const char *position);
/* Takes the oldest one; there must be one. */
struct load_id load_ids_take(struct load_ids *ids);
/* Returns any of them; there must be one. */
const struct load_id *load_ids_pick(const struct load_ids *ids, struct load_random *random);

void load_shop_clear(struct load_shop *shop);
