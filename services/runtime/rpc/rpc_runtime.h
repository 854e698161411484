/* gRPC's library and the threads that poll for it: started at the first use, ended with the last.
 *
 * All servers and channels of the process share one completion queue, so that one thread, mostly, both reads the
 * sockets and takes the completions. Such a thread never runs code of a handler: it hands events to their loops.
 * Any thread. */
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>

#include "loop/loop.h"

/* The tag of an operation on the shared queue. Embed it; it must live until it has arrived. */
struct rpc_arrival {
  struct loop_task task; /* run on the loop if `arrived` says so */
  struct loop *loop;
  bool ok; /* what gRPC said of the operation */
  /* Runs on a polling thread. True: hand on to the loop. False: done; the arrival may be gone already. */
  bool (*arrived)(struct rpc_arrival *arrival);
};

/* For `arrived`: every completion is for the loop. */
bool rpc_arrival_to_loop(struct rpc_arrival *arrival);

/* Takes part in the library and its shared queue, polled by at least `threads` threads. Pair with
 * rpc_runtime_release. */
grpc_completion_queue *rpc_runtime_acquire(int threads);

/* All operations of the caller must have completed. The last one ends threads and library; blocks until they have. */
void rpc_runtime_release(void);

/* Takes part in the library alone, for those who poll a queue of their own. */
void rpc_library_acquire(void);
void rpc_library_release(void);
