/* SPDX-License-Identifier: Apache-2.0 */
/* Access line: a line of the log for each call that the server has answered, at level debug; of a unary one that took
 * longer than rpc_server_options.log_calls_over_ms at level info. Threads: the loop's. */
#pragma once

#include <stdint.h>

struct server_call;

/* Writes the line if there is to be one. `code` is gRPC's; the call need not have begun. Its ids are those of the
 * coroutine (loop/label.h). */
void access_line_write(const struct server_call *call, unsigned code, int64_t duration_us);
