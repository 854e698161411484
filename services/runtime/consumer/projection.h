/* SPDX-License-Identifier: Apache-2.0 */
/* Projection: a view that holds others' entities as they are, kept by their events. */
#pragma once

#include "consumer/work.h"

/* The id of the event's entity. */
const char *event_entity_id(const struct event *event);

/* Puts the event's entity into the view under its id; takes it out when the event is a `*_deleted`. */
void projection_keep(struct work *work, const struct view *view, const struct event *event);
