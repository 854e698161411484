/* SPDX-License-Identifier: Apache-2.0 */
/* Services of the user's own: where ORDERSHOP_<NAME>_ADDRESS leads, for a name that the shop does not have. */
#pragma once

#include <stddef.h>

#include "base/arena.h"

struct own_service {
  const char *name;    /* "note" of ORDERSHOP_NOTE_ADDRESS */
  const char *address; /* a gRPC name, never "" */
};

/* Returns those of the environment, sorted by name. Their texts live as long as arena and environment. */
const struct own_service *own_services(struct arena *arena, size_t *ret_count);
