/* How a command says that it failed: on standard error, with everything the status tells. One thread. */
#pragma once

#include <stdbool.h>

#include "base/status.h"

/* One sentence about the arguments. Returns EXIT_USAGE. */
int failure_of_usage(bool json, struct status status);

/* The status of a call: message, code and reason, violated fields, and what else it names. `request_id` (may be NULL)
 * is named where the command may or may not have been carried out. Returns EXIT_REFUSED or EXIT_UNAVAILABLE. */
int failure_of_call(bool json, struct status status, const char *request_id);
