/* SPDX-License-Identifier: Apache-2.0 */
/* A request that is packed once and then only filled in: ids, idempotency keys and amounts have the same length each
 * time, so that a further request is a copy and a few bytes written over it. One thread. */
#pragma once

#include "client/load/load_command.h"
#include "client/load/load_shop.h"

struct request_blank {
  size_t offset;
  enum load_source source;
  enum load_kind kind;
};

struct request_form {
  uint8_t *bytes; /* with gRPC's prefix */
  size_t size;
  struct request_blank *blanks;
  size_t blank_count;
  size_t own[LOAD_KINDS]; /* how many ids of its own run it takes */
};

/* Packs the form of a command into the arena. `products` is how many an order has; other lists have ten elements. */
struct request_form request_form_new(struct arena *arena, const struct load_command *command, int products);

/* Fills a request in; `to` has room for the form's size. The ids that it needs must be there. Returns the position that
 * the answer must have seen, in `position`, or NULL if it is of no matter. */
const char *request_form_fill(const struct request_form *form, struct load_shop *shop, struct load_random *random,
                              uint8_t *to, char position[CALL_POSITION_MAX]);
