/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC's library on a loop: started at the first use, ended with the last.
 *
 * All servers and channels of a loop share one completion queue, and the loop's own thread polls it: the loop sleeps in
 * gRPC (loop_set_poller), reads the sockets, takes the completions and runs what they wake, without changing threads.
 * gRPC's remaining threads (timers, name resolution) only put completions into the queue, which ends the sleep.
 * Threads: the loop's. */
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>

#include "loop/loop.h"

/* The tag of an operation on a loop's queue. Embed it; it must live until it has arrived. */
struct rpc_arrival {
  void (*run)(struct rpc_arrival *arrival); /* on the loop's own stack; the arrival may be gone afterwards */
  bool ok;                                  /* what gRPC said of the operation */
};

struct rpc_runtime;

/* Takes part in the library and the loop's queue. Pair with rpc_runtime_release. */
struct rpc_runtime *rpc_runtime_acquire(struct loop *loop);
grpc_completion_queue *rpc_runtime_queue(struct rpc_runtime *runtime);

/* Waits for one completion, however long that takes, and runs it. It is for the end, when no turn of the loop would
 * come. Loop's stack. */
void rpc_runtime_wait(struct rpc_runtime *runtime);

/* All operations of the caller must have completed. Loop's stack. */
void rpc_runtime_release(struct rpc_runtime *runtime);

/* Takes part in the library alone, for those that poll a queue of their own. Any thread. */
void rpc_library_acquire(void);
void rpc_library_release(void);
