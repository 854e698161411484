/* SPDX-License-Identifier: Apache-2.0 */
/* What a call has come to, as a status. Any thread. */
#pragma once

#include "base/status.h"
#include "client/load/http2_connection.h"

/* Returns the status of a call that is done, in the arena. `peer` names the server for messages. An error that the
 * server did not send itself is UNAVAILABLE (PEER_UNREACHABLE), since nobody answered; `why` says more. */
struct status call_status(struct arena *arena, const struct call *call, const char *peer, const char *why);
