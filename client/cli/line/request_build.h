/* SPDX-License-Identifier: Apache-2.0 */
/* Builds requests from the command line. */
#pragma once

#include <jansson.h>

#include "client/cli/line/command_line.h"

/* Returns the method that is called, which is the verb's, or the one that a flag of it names instead. */
const ProtobufCMethodDescriptor *request_method(const struct invocation *invocation);

/* Builds the request of that method, filled from flags and `operand` (NULL if there is none), in the arena. Fields are
 * looked for in the request, then in the resource that it carries; an update's mask names the fields that were given. A
 * command gets a random request id if none was given. Errors: INVALID_ARGUMENT with one sentence for the terminal. */
struct status request_build(struct arena *arena, const struct invocation *invocation, const char *operand,
                            ProtobufCMessage **ret_request);

/* Builds the request of that method for one item of a bulk: `object` is the resource that the request carries, or else
 * the request itself. An update's mask names the fields that the object has. A deletion passes over the other fields of
 * the resource, so that it takes what a list prints. Errors: INVALID_ARGUMENT with one sentence that names the field.
 */
struct status request_of_json(struct arena *arena, const struct invocation *invocation, const json_t *object,
                              ProtobufCMessage **ret_request);

/* Returns the request's text field of that name, or NULL if it has no such field. */
const char **request_text(ProtobufCMessage *request, const char *name);
