/* SPDX-License-Identifier: Apache-2.0 */
/* The method that lists the streams of the log, and who reads them how far. */
#pragma once

#include "rpc/rpc_server.h"

rpc_handler list_streams;
