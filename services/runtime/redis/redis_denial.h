/* SPDX-License-Identifier: Apache-2.0 */
/* Denials: what Redis has refused to this client's user for lack of rights (ACL), which no caller can mend.
 *
 * A denial counts for some seconds, so that a service that lacks a right says so in its health instead of failing calls
 * one by one, and recovers by itself soon after the rights are mended. Threads: the loop's. */
#pragma once

#include "redis/redis.h"

/* Notes that `what` (a command, perhaps with its key) was refused; `error` is the server's word for it. It is logged
 * once for as long as denials go on. */
void redis_denial_note(struct redis *redis, const char *what, const char *error);

/* Returns what was refused lately and what to do about it; "" if nothing was. Valid until the next denial. */
const char *redis_denial(const struct redis *redis);
