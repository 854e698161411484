/* SPDX-License-Identifier: Apache-2.0 */
/* Shows what `ordershop status --watch` found: what happened since the last time, and what waits. One thread, since it
 * writes to standard output. */
#pragma once

#include "client/cli/output/status_show.h"

void status_watch_show_table(struct arena *arena, const struct service_report *reports, size_t count);
