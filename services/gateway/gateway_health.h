/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a gateway that runs whether it is ready, for --check-health. Blocking. */
#pragma once

#include "gateway_settings.h"

/* Errors: UNAVAILABLE (NOT_SERVING), with why. */
struct status gateway_health(struct arena *arena, const struct gateway_settings *settings);
