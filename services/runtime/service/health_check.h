/* SPDX-License-Identifier: Apache-2.0 */
/* `--check-health`: a service's own executable asks the process that runs with the same settings whether it is ready,
 * as the `HEALTHCHECK` of a container and the like want to know, so that the image needs no second program. Blocks its
 * thread; needs no loop. */
#pragma once

#include "service/service_settings.h"

/* Returns where to ask: what the settings listen on, with loopback in place of "all addresses". */
const char *health_check_target(struct arena *arena, const char *listen);

/* Asks grpc.health.v1.Health for "": in plain text where <BRAND>_HEALTH_LISTEN says so, else with the service's own
 * identity, as a peer would. Errors: UNAVAILABLE, also when the answer is not SERVING; DEADLINE_EXCEEDED. */
struct status health_check(struct arena *arena, const struct service_definition *definition,
                           const struct service_settings *settings);
