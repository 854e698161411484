/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time, user's and kernel's together, for benchmarks: what a piece of work has cost is the difference of two. */
#pragma once

#include "private_redis.h"

/* Of this process, in microseconds since its start. */
double own_cpu_us(void);

/* Of a Redis, in microseconds since its start. */
double server_cpu_us(struct private_redis *server);

/* A figure of INFO; `name` with its colon ("used_cpu_user:"). 0 if there is none of that name. */
double server_figure(struct private_redis *server, const char *section, const char *name);
