/* SPDX-License-Identifier: Apache-2.0 */
/* Readiness: whether the service could serve its commands, for health, status and log. Threads: the loop's. */
#pragma once

#include "service/service.h"

/* Why it could not; "" when it could. Valid until the loop turns. */
const char *readiness_reason(const struct service *service);

/* Returns true if that is because Redis can't be reached, which the connection itself has logged. */
bool readiness_is_outage(const struct service *service);
