/* SPDX-License-Identifier: Apache-2.0 */
/* Position store: how far a service has applied the log, in the hash `<service>_position`: `log`, `epoch`, and one
 * field for each stream, with entry ids as values. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "store/event_store.h"

/* Reads `log` and `epoch`; both empty where nothing is stored. Parks. */
struct status position_read(struct event_store *store, struct context *context, struct position *ret_position);

const char *position_store_key(const struct event_store *store, struct arena *arena);

/* The log time of an entry's id, also of one that the log's clock did not make: its second part then counts as at most
 * 999. */
int64_t position_of_entry(const char *entry_id);
