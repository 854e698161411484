/* SPDX-License-Identifier: Apache-2.0 */
/* Waits for a service that a test has started itself: it takes calls before it has found Redis, and refuses them. */
#pragma once

#include <stdbool.h>

#include "rpc/rpc_blocking_client.h"

/* Returns what grpc.health.v1 says about the service as a whole; 0 if it doesn't answer. */
int health_of(struct rpc_blocking_channel *channel);

/* Polls until the service is SERVING. Returns false if it isn't for as long as a test is patient (patience.h). */
bool await_serving(struct rpc_blocking_channel *channel);
