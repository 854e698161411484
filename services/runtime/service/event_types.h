/* SPDX-License-Identifier: Apache-2.0 */
/* Event types: the descriptors with which a service writes its events lie beside the log, so that any tool decodes any
 * event ever written, and a version that would break stored events refuses to start.
 *
 * The events of an entity are described by the hash `<entity>_descriptors`, whose fields are
 *
 *   written      a line for each set of descriptors, in the order in which they came, as "1548699678802-91 <hash>
 *                note.v1.Note": the last entry of the log before the first event that may be written with that
 *                set, the set's name, the type of the events. What follows a set can read all that came before (it was
 *                checked), but for one whose line ends with " anew": no event was stored any more, or an operator has
 *                accepted that it can't
 *   <hash>       the set, a packed FileDescriptorSet (type_set.h), named by its content
 *
 * So the last set reads all events, also while two versions of the service run at once and whichever of them wrote an
 * event: an entry that lies before a line "anew" is read by the set of the line before that. What the service has
 * written is in `<service>_descriptors`:
 *
 *   versions     a line for each version (the name of all its sets together) that may write to this log
 *   entities     a line for each entity that it ever wrote events of, as "note note.v1.Note"
 *
 * A version that is known costs one read at each connection, and nothing for an event. Threads: the loop's. */
#pragma once

#include <stdbool.h>

#include "service/service.h"

struct event_types;

/* A line of `written`; its texts live in the arena that it was taken apart in, and are "" where it lacks them. */
struct event_types_row {
  const char *from, *hash, *message;
  bool anew;
};

/* Takes the first line of *text apart, and moves *text behind it. Returns false if there is none. Any thread. */
bool event_types_next_row(struct arena *arena, const char **text, struct event_types_row *ret_row);

/* Makes the sets of what the definition's methods are about. `accepted` is the name of the version that may write
 * though its descriptors break stored events, as an operator has it, and lives as long as the service; "" means none.
 * Nothing is recorded for a definition without a descriptor set: *ret_types is NULL then, which the functions below
 * take. Errors: INVALID_ARGUMENT (DESCRIPTOR_SET_INVALID). */
struct status event_types_new(struct service *service, const struct descriptor_index *index, const char *accepted,
                              struct event_types **ret_types);

/* Compares the sets with those beside the log that the present connection leads to, and writes them there, unless this
 * was done. `argument` is a struct event_types; it is an event store's before_commit. Errors: UNAVAILABLE
 * (DEFINITION_INVALID: stored events would break), and those of redis_command. */
coroutine_fn struct status event_types_record(void *argument, struct context *context);

/* Whether event_types_record has something to do. */
bool event_types_are_due(const struct event_types *types);

/* Which stored events would break, and how, and what to do; NULL if none is known. */
const char *event_types_broken(const struct event_types *types);

/* Why the sets have never been recorded so far; "" if they have. Valid until the loop turns. */
const char *event_types_reason(const struct event_types *types);
