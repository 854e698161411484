/* SPDX-License-Identifier: Apache-2.0 */
/* Measures how long the disk takes to make 4 KiB durable, which is what a command with `appendfsync always` costs at
 * least. One thread. */
#pragma once

#include "base/status.h"
#include "client/load/histogram.h"

/* Appends 4 KiB to an unnamed file in `folder` and calls fdatasync, again and again for `duration_ms`; adds a sample
 * for each pair. Errors: UNAVAILABLE (the folder can't be written to). */
struct status fsync_probe(struct arena *arena, const char *folder, int64_t duration_ms, struct histogram *histogram);
