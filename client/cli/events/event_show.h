/* SPDX-License-Identifier: Apache-2.0 */
/* Shows events on standard output, as `ordershop events` does, with all that it takes to decode them. One thread. */
#pragma once

#include <ordershop/v1/event.pb-c.h>

#include "client/cli/line/session.h"

struct event_show;

/* Knows the types of the contract, of each --descriptor-set, and, by asking them, of services. Errors:
 * INVALID_ARGUMENT. Free the result with event_show_free. */
struct status event_show_new(struct session *session, struct event_show **ret_show);
void event_show_free(struct event_show *show);

/* Writes an event, which has `entity_bytes`, as a line. */
void event_show_line(struct event_show *show, const Ordershop__V1__Event *event);

/* Writes an entity as it was then, as a record or a document of JSON. */
void event_show_state(struct event_show *show, const Ordershop__V1__GetEntityAtResponse *state);

/* Writes a tree of causes, an event a line. */
void event_show_tree(struct event_show *show, const Ordershop__V1__CauseTree *tree);

/* Says something beside the events, on standard error. */
void event_show_tell(const struct event_show *show, const char *sentence);
