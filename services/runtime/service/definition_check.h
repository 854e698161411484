/* SPDX-License-Identifier: Apache-2.0 */
/* Definition check: checks a service's definition before anything else happens. Everything that an author has left out,
 * misspelt or mixed up is told at start, with one line for each mistake. Any thread. */
#pragma once

#include "service/service.h"

/* Errors: INVALID_ARGUMENT DEFINITION_INVALID, whose message names each mistake and where it is. */
struct status definition_check(struct arena *arena, const struct service_definition *definition);
