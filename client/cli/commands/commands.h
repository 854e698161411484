/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of `ordershop`. Each returns the exit status. */
#pragma once

#include "client/cli/line/session.h"

/* Runs whatever the arguments say: help, or one of those below. */
int command_run(struct arena *arena, const struct invocation *invocation);

/* Runs a verb of a resource: builds its request, makes the call, and shows the answer. */
int command_resource(struct session *session);

int command_status(struct session *session);
int command_health(struct session *session);
int command_demo(struct session *session);

/* These need no shop; their session has no client. */
int command_help_about(struct session *session); /* help COMMAND VERB */
int command_completion(struct session *session); /* what a shell is told */
int command_complete(struct session *session);   /* what the shell then asks; opens a client of its own */
int command_manual(struct session *session);

/* --help */
int command_help(struct arena *arena, const struct invocation *invocation);
