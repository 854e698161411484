/* SPDX-License-Identifier: Apache-2.0 */
/* Cause trees: what led to an event, and all that it led to. */
#pragma once

#include "rpc/rpc_server.h"

rpc_handler trace_cause;
