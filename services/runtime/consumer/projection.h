/* SPDX-License-Identifier: Apache-2.0 */
/* Projection: a view that holds others' entities, whole or some fields of each, kept by their events. */
#pragma once

#include "consumer/work.h"

/* The id of the event's entity. */
const char *event_entity_id(const struct event *event);

/* Puts the event's entity into the view under its id; takes it out when the event is a `*_deleted`. Where the view
 * names fields, only those are kept, together with the fields that the entity's type does not have: a newer version of
 * the service, which may handle the next event, may need them. */
void projection_keep(struct work *work, const struct view *view, const struct event *event);
