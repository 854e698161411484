/* Requests from the command line. */
#pragma once

#include "client/cli/command_line.h"

/* The method that is called: the verb's, or what a flag of it names instead. */
const ProtobufCMethodDescriptor *request_method(const struct invocation *invocation);

/* The request of that method, filled from operand and flags, in the arena. Fields are looked for in the request, then
 * in the resource that it carries; an update's mask names the fields that were given. A command gets a random request
 * id if none was given. Errors: INVALID_ARGUMENT with one sentence for the terminal. */
struct status request_build(struct arena *arena, const struct invocation *invocation, ProtobufCMessage **ret_request);

/* The request's text field of that name, or NULL if it has no such field. */
const char **request_text(ProtobufCMessage *request, const char *name);
