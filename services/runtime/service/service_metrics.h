/* SPDX-License-Identifier: Apache-2.0 */
/* Service metrics: what operators are to be woken for and the status doesn't tell as a figure: a log that has lost
 * something, a halt, replicas of Redis that are missing, an outbox that grows. Threads: the loop's. */
#pragma once

#include "base/arena.h"
#include "loop/coroutine.h"
#include "service/service.h"

struct service_metrics;

/* Declares them; the service and the arena outlive what is returned. */
struct service_metrics *service_metrics_new(struct arena *arena, struct service *service);

/* Sets them to what is so now; asks Redis for the length of the outbox. Yields, until `deadline_us` at most. */
coroutine_fn void service_metrics_measure(struct service_metrics *metrics, int64_t deadline_us);
