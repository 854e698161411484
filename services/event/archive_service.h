/* SPDX-License-Identifier: Apache-2.0 */
/* The method of the ArchiveService (proto/ordershop/v1/archive.proto). */
#pragma once

#include "rpc/rpc_server.h"

coroutine_fn struct status archive_events(struct rpc_call *call, const void *message, const void **ret_response);
