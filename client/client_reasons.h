/* SPDX-License-Identifier: Apache-2.0 */
/* The reasons of errors that the client side itself makes (base/reason.h). */
#pragma once

extern const char reason_disk[];
extern const char reason_line_invalid[];
extern const char reason_peer_refused[];
extern const char reason_redis_login_refused[];
extern const char reason_script_missing[];
