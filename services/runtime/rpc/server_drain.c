/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/server_drain.h"

#include <grpc/grpc_security.h>

#include "base/clock.h"

enum {
  LOOK_US = 1000,      /* between two looks whether a call is half read */
  LOOKS_EQUAL = 10,    /* that show the highest difference, to know that it means none */
  LOOKS_MAX = 100,     /* a client may have begun a call and say no more */
  CANCEL_US = 1000000, /* how long cancelled calls are waited for */
  CLOSE_US = 300000,   /* and connections without calls: a client that is asleep does not hear the GOAWAY */
};

/* ---- calls that are half read ----------------------------------------------------------------------------------- */

typedef void process_metadata(void *state, grpc_auth_context *context, const grpc_metadata *metadata, size_t count,
                              grpc_process_auth_metadata_done_cb done, void *user);

/* A call is counted before it is refused, so that whoever has set `refusing` and then reads `begun` misses none. */
static void inspect(void *state, grpc_auth_context *context, const grpc_metadata *metadata, size_t count,
                    grpc_process_auth_metadata_done_cb done, void *user) {
  struct rpc_server *server = state;
  (void)context, (void)metadata, (void)count;
  atomic_fetch_add(&server->begun, 1);
  if (atomic_load(&server->refusing)) {
    atomic_fetch_sub(&server->begun, 1);
    done(user, NULL, 0, NULL, 0, GRPC_STATUS_UNAVAILABLE, "The server is shutting down.");
  } else {
    done(user, NULL, 0, NULL, 0, GRPC_STATUS_OK, NULL);
  }
}

/* gRPC may look from another thread meanwhile: the state is there before the function is. */
static void set_hook(struct rpc_server *server, process_metadata *process) {
  const grpc_auth_metadata_processor hook = {.process = process, .state = server};
  grpc_server_credentials_set_auth_metadata_processor(server->credentials, hook);
}

/* The hook costs time on each call: it is set when the drain begins. */
void server_drain_prepare(struct rpc_server *server, grpc_server_credentials *credentials) {
  server->credentials = credentials;
  set_hook(server, NULL);
}

/* Of the number of calls that have arrived, less those that have begun since the hook was set, only changes mean
 * something: it is at its highest when no call is half read. */
static int64_t arrived_less_begun(const struct rpc_server *server) {
  return (int64_t)server->arrived - (int64_t)atomic_load(&server->begun);
}

/* Returns the difference that means that no call is half read, at a moment at which it is so, at the latest at the
 * deadline. It is what had arrived when the hook was set, and more if calls were half read then. A call that one of
 * gRPC's own threads reads may stand still for all of these looks, but not without having lowered the difference. */
static coroutine_fn int64_t find_difference_of_none(struct rpc_server *server, int64_t deadline_us) {
  int64_t highest = (int64_t)server->arrived_before;
  int equal = 0;
  for (int looks = 0; looks < LOOKS_MAX && equal < LOOKS_EQUAL && clock_monotonic_us() < deadline_us; looks++) {
    coroutine_sleep(LOOK_US, deadline_us);
    int64_t difference = arrived_less_begun(server);
    if (difference > highest) {
      highest = difference;
      equal = 0;
    }
    if (difference == highest) equal++;
  }
  return highest;
}

/* A call may have begun since it was known that there is none, for this thread may have had to wait for its processor.
 * So from a moment on all calls that begin are refused, and the last one that began before it is waited for. */
static coroutine_fn void refuse_and_wait_until_none_is_half_read(struct rpc_server *server, int64_t deadline_us) {
  int64_t none = find_difference_of_none(server, deadline_us);
  atomic_store(&server->refusing, true);
  for (int looks = 0; looks < LOOKS_MAX && arrived_less_begun(server) < none; looks++) {
    if (clock_monotonic_us() >= deadline_us) return;
    coroutine_sleep(LOOK_US, deadline_us);
  }
}

/* ---- the shutdown ----------------------------------------------------------------------------------------------- */

static void begin_drain(void *argument) {
  struct rpc_server *server = argument;
  server->draining = true;
  listener_close(server->listener);
  server->listener = NULL;
  server->arrived_before = server->arrived;
  set_hook(server, inspect);
}

static void begin_shutdown(void *argument) {
  struct rpc_server *server = argument;
  atomic_store(&server->refusing, true);
  grpc_server_shutdown_and_notify(server->grpc, server->queue, &server->shutdown);
}

static void cancel_calls(void *argument) {
  struct rpc_server *server = argument;
  grpc_server_cancel_all_calls(server->grpc);
}

/* Yields until no call is in flight. Returns false if the deadline came first. */
static coroutine_fn bool wait_for_calls(struct rpc_server *server, int64_t deadline_us) {
  while (server->calls > 0) {
    if (!condition_wait(&server->changed, deadline_us)) return false;
  }
  return true;
}

/* Yields until no call is in flight and gRPC has closed all connections. Returns false if the deadline came first. */
static coroutine_fn bool wait_for_end(struct rpc_server *server, int64_t deadline_us) {
  while (!server->stopped || server->calls > 0) {
    if (!condition_wait(&server->changed, deadline_us)) return false;
  }
  return true;
}

coroutine_fn void rpc_server_drain(struct rpc_server *server, int64_t grace_ms) {
  int64_t deadline_us = clock_monotonic_us() + grace_ms * 1000;
  coroutine_on_loop_stack(begin_drain, server);
  stream_calls_end(server);
  refuse_and_wait_until_none_is_half_read(server, deadline_us);
  coroutine_on_loop_stack(begin_shutdown, server);
  if (wait_for_calls(server, deadline_us)) {
    int64_t close_us = clock_monotonic_us() + CLOSE_US;
    if (wait_for_end(server, close_us < deadline_us ? close_us : deadline_us)) return;
  }
  coroutine_on_loop_stack(cancel_calls, server);
  wait_for_end(server, clock_monotonic_us() + CANCEL_US);
}

void server_drain_at_once(struct rpc_server *server) {
  begin_drain(server);
  begin_shutdown(server);
  cancel_calls(server);
}
