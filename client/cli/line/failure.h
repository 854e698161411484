/* SPDX-License-Identifier: Apache-2.0 */
/* Says that a command failed, on standard error, with everything the status tells and what to do next. One thread. */
#pragma once

#include <stdbool.h>

#include "base/status.h"
#include "client/cli/line/session.h"

/* Prints one sentence about the arguments. Returns EXIT_USAGE. */
int failure_of_usage(bool json, struct status status);

/* Prints the status of a call: message, code and reason, violated fields, and what else it names. `request_id` (may be
 * NULL) is named where the command may or may not have been carried out. Returns EXIT_REFUSED or EXIT_UNAVAILABLE. */
int failure_of_call(bool json, struct status status, const char *request_id);

/* Prints one or the other: what makes a request of arguments fail with reason_usage is misuse; what the service refuses
 * is told as that of any command. Returns what they return. */
int failure_of_usage_or_call(const struct session *session, struct status status);

/* Does what failure_of_call does for the session's command, names fields by the arguments that they came from, and says
 * what to do next.
 */
int failure_of_command(const struct session *session, struct status status, const char *request_id);

/* Prints the status of one line of --from, in one line. Returns the same as failure_of_call. */
int failure_of_line(const struct session *session, struct status status, size_t line);

/* Prints the status that ended a bulk early, and how to go on. Returns the same as failure_of_call. */
int failure_of_stop(const struct session *session, struct status status, const char *request_id);

/* Returns EXIT_UNAVAILABLE for what a later try may cure, else EXIT_REFUSED. */
int failure_exit_status(struct status status);
