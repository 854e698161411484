/* SPDX-License-Identifier: Apache-2.0 */
/* Shows what services know of the log, and what they miss there. One thread, since it writes to standard output. */
#pragma once

#include <ordershop/v1/log.pb-c.h>
#include <stddef.h>

#include "base/arena.h"

/* Writes a line for each log of each service, and below the table what is missing, with the command that accepts it. */
void log_show_table(struct arena *arena, const Ordershop__V1__LogStatus *const *statuses, size_t count);

/* Writes the streams of a service's logs, and what was accepted there. */
void log_show_details(struct arena *arena, const Ordershop__V1__LogStatus *status);

/* Returns how many losses there are. */
size_t log_show_losses(const Ordershop__V1__LogStatus *status);
