/* SPDX-License-Identifier: Apache-2.0 */
/* Typed call of StatusService, which every service serves; see ordershop_client.h and proto/ordershop/v1/status.proto.
 */
#pragma once

#include <ordershop/v1/status.pb-c.h>

#include "client/ordershop_client.h"

/* Asks how the process that answers for a service is doing, with one try and without a position. Errors: UNAVAILABLE,
 * DEADLINE_EXCEEDED, UNIMPLEMENTED (what answers is not a service of the shop, or is an older one). */
struct status ordershop_get_service_status(struct ordershop_client *client, const struct context *context,
                                           enum ordershop_service service,
                                           const Ordershop__V1__ServiceStatus **ret_status);
