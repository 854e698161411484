/* SPDX-License-Identifier: Apache-2.0 */
/* Call of the LogService, which every service that owns something or reads events serves; see ordershop_client.h and
 * proto/ordershop/v1/log.proto. */
#pragma once

#include <ordershop/v1/log.pb-c.h>

#include "client/ordershop_client.h"

/* Calls a method of it, with one try and without a position. `request` is the method's, and so is the answer's message.
 * Errors: those of the method; UNIMPLEMENTED also if the service only tells the log, or is an older one. */
struct ordershop_answer ordershop_call_log(struct ordershop_client *client, const struct context *context,
                                           enum ordershop_service service, const char *method, const void *request);
