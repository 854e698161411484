/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the request of a method out of a path, a query and a body, as google.api.http has it. On the loop's stack. */
#pragma once

#include "contract.h"
#include "http/http_server.h"

/* Fields come from the path's variables, from the body (all of the request, or one field of it), and else from the
 * query: "customer.name=Ada", several times for a repeated field. The header Idempotency-Key is the request_id,
 * If-Match the version. A PATCH without a mask masks what its body has. Errors: INVALID_ARGUMENT, with the field's
 * path. */
struct status resource_request(const struct http_request *request, const struct found_route *found,
                               ProtobufCMessage **ret_message);
