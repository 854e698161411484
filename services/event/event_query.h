/* SPDX-License-Identifier: Apache-2.0 */
/* The methods that read events of the past. */
#pragma once

#include "rpc/rpc_server.h"

rpc_handler read_events, get_entity_history, get_entity_at;
