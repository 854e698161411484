/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client_reasons.h"

const char reason_disk[] = "DISK";
const char reason_line_invalid[] = "LINE_INVALID";
const char reason_peer_refused[] = "PEER_REFUSED";
const char reason_redis_login_refused[] = "REDIS_LOGIN_REFUSED";
const char reason_script_missing[] = "SCRIPT_MISSING";
