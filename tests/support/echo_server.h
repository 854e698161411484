/* SPDX-License-Identifier: Apache-2.0 */
/* A gRPC server for tests, on a loop in a thread of its own: ordershop.v1.CustomerService with handlers that answer
 * what they are asked for, health, and reflection.
 *
 * CreateCustomer answers the customer as it came, with the trailers `x-echo: <value of the caller's x-ask>` and,
 * if its name begins with a digit, `ordershop-position: <name>`. GetCustomer does what the id says, which dashes may
 * fill up to the length of an id: fail      NOT_FOUND with every kind of detail context   a customer whose name is the
 * caller's ordershop-after, whose email is its traceparent, and whose version is the time left to the deadline in ms
 *   wait      yields until echo_server_open_gate, the deadline (DEADLINE_EXCEEDED) or a cancellation (CANCELLED)
 *   nothing   OK without a reply
 *   other     a customer with that id
 * Functions are for the test's thread. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>

#include "rpc/health.h"
#include "rpc/rpc_server.h"

struct echo_server {
  struct rpc_server *rpc;
  struct health *health;
  int port;
  atomic_int started;   /* GetCustomer calls with id wait: begun */
  atomic_int cancelled; /* of these: saw that the caller has gone */
  struct echo_thread *thread;
};

/* Starts it; `options` may be NULL, `listen` NULL means any port of 127.0.0.1. NULL if it can't; `*ret_status`, unless
 * NULL, says why (literals and static memory only). */
struct echo_server *echo_server_start(const struct rpc_server_options *options, struct status *ret_status);

/* Lets the calls that wait, and those to come, pass. */
void echo_server_open_gate(struct echo_server *server);

void echo_server_set_ready(struct echo_server *server, bool ready);

/* How many calls are in flight there, streams included. */
size_t echo_server_calls(struct echo_server *server);

/* Whether it takes no new connections (rpc_server_refusal). */
bool echo_server_refuses(struct echo_server *server);

/* Begins rpc_server_drain with this grace in the background. */
void echo_server_drain(struct echo_server *server, int64_t grace_ms);

/* True once that has returned. */
bool echo_server_is_drained(struct echo_server *server);

/* Drains unless that has begun, waits for it, frees all. */
void echo_server_stop(struct echo_server *server);
