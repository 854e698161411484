/* SPDX-License-Identifier: Apache-2.0 */
/* Call of the ViewService, which every service that has views serves; see ordershop_client.h and
 * proto/ordershop/v1/view.proto. */
#pragma once

#include <ordershop/v1/view.pb-c.h>

#include "client/ordershop_client.h"

/* Calls a method of it, with one try and without a position. `request` is the method's, and so is the answer's message.
 * Errors: those of the method; UNIMPLEMENTED also if the service has no views, or is an older one. */
struct ordershop_answer ordershop_call_views(struct ordershop_client *client, const struct context *context,
                                             enum ordershop_service service, const char *method, const void *request);
