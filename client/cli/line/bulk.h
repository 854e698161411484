/* SPDX-License-Identifier: Apache-2.0 */
/* With --from, a verb runs for each line of a file or of standard input; the lines are objects of JSON.
 *
 * Lines go in blocks of 100, counted from the top; through the verb's batch method where it has one. A line that is bad
 * or refused is reported by its number, the others of its block are carried out all the same, and the rest follows. An
 * outage ends the bulk. Memory is bounded by the block.
 *
 * Request ids are derived from --request-id (or a random one, which is told when something goes wrong) and the block's
 * or line's number. So the same command with the same --request-id goes on where it ended, and what was carried out is
 * not carried out again; where its lines have changed since, they are refused. */
#pragma once

#include "client/cli/line/session.h"

/* Returns the exit status. */
int bulk_run(struct session *session);
