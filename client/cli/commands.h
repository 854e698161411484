/* The commands of `ordershop`. Each returns the exit status. */
#pragma once

#include "client/cli/session.h"

/* A verb of a resource: builds its request, calls, shows the answer. */
int command_resource(struct session *session);

int command_health(struct session *session);
int command_demo(struct session *session);
int command_help(const struct invocation *invocation);
