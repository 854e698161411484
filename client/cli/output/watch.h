/* SPDX-License-Identifier: Apache-2.0 */
/* --watch: shows something again and again, in place on a terminal, one after the other elsewhere. One thread. */
#pragma once

#include "client/cli/line/session.h"

/* Goes on until Ctrl-C, or until `show` returns EXIT_USAGE or the output has no reader any more. `show` writes to
 * stdout and stderr as if it were called once; its session has an arena of its own for each time. Returns the exit
 * status. */
int session_watch(struct session *session, int (*show)(struct session *));
