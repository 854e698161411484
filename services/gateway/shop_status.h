/* SPDX-License-Identifier: Apache-2.0 */
/* GET /status: how all services are doing, asked at once, those outside the tree too, but for those that have no
 * StatusService. {"services": [{"name": "crm", "status": {...}}, ...]}, each
 * status as StatusService.GetServiceStatus tells it; of one that does not answer, {"name", "error": {code, message,
 * status, details}} instead, as errors of resources are. */
#pragma once

#include "gateway.h"

coroutine_fn void shop_status_answer(const struct gateway *gateway, struct http_request *request);
