/* SPDX-License-Identifier: Apache-2.0 */
/* A session is what a command of `ordershop` works with. One thread. */
#pragma once

#include "client/cli/line/command_line.h"
#include "client/ordershop_client.h"

struct session {
  struct arena *arena; /* lives as long as the program */
  const struct invocation *invocation;
  struct ordershop_client_options options; /* where the shop is */
  struct ordershop_client *client;         /* opened with them; calls last at most --timeout */
};

/* Reads where the shop is, from flags and environment, and opens the client. Errors: INVALID_ARGUMENT. */
struct status session_open(struct arena *arena, const struct invocation *invocation, struct session *ret_session);
/* Finds the service that an operand names, which is one of the shop, or one of the user's own, which
 * ORDERSHOP_<NAME>_ADDRESS leads to. Errors: INVALID_ARGUMENT. */
struct status session_find_service(struct session *session, const char *name, enum ordershop_service *ret_service);

/* Who is recorded as having asked for a change: --by, or the user of this process. */
char *session_operator_name(const struct session *session);

void session_close(struct session *session);
