/* SPDX-License-Identifier: Apache-2.0 */
/* The method that sends events as they happen. */
#pragma once

#include "rpc/rpc_server.h"

rpc_stream_handler watch_events;
