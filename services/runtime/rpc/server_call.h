/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the server: its calls and how they come and go. For rpc/rpc_server.c, unary_call.c, stream_call.c.
 *
 *   a call arrives: requests for the next are posted; admitted, or in line until it is (admission.h), or refused
 *     -> arena, request decoded
 *     -> coroutine: handler
 *       -> one batch: headers, message, status, and "tell me of the close"
 *         -> batch completed: the call goes back to the pool
 *
 * All of it runs on the loop's own stack, except for the handler. The coroutine of a stream waits for all its batches.
 * Threads: the loop's. */
#pragma once

#include <grpc/grpc.h>
#include <stdatomic.h>
#include <stddef.h>

#include "loop/coroutine.h"
#include "loop/listener.h"
#include "rpc/admission.h"
#include "rpc/call_metrics.h"
#include "rpc/connection_intake.h"
#include "rpc/rpc_runtime.h"
#include "rpc/rpc_server.h"

struct server_call;

/* The call that an arrival is a member of. */
#define SERVER_CALL_OF(pointer, member) ((struct server_call *)((char *)(pointer)-offsetof(struct server_call, member)))

/* An answer that is made once: sent without coroutine or arena. */
struct fixed_answer {
  grpc_status_code code;
  grpc_slice message;
  grpc_slice details; /* packed google.rpc.Status */
};

/* Calls that were refused because there were too many, for the log. */
struct overload {
  int64_t since_us, last_us; /* the first and the latest of them */
  int64_t refused;           /* 0 means that the server is not overloaded */
};

/* A method as the server knows it. */
struct server_method {
  struct rpc_server *server;
  const struct rpc_service *service; /* NULL means the one for unknown methods */
  const struct rpc_method *method;
  const ProtobufCMethodDescriptor *signature;
  const ProtobufCFieldDescriptor *request_id; /* of its requests; NULL if they have none */
  void (*set_up)(struct server_call *call);   /* what its kind of calls does with their arrivals */
  struct admission *admission;                /* of unary methods; NULL means of a service that is exempt */
  void *registered;                           /* gRPC's handle */
  size_t calls_max;                           /* in flight on the server for this method to take one more */
  int requests, requests_max; /* posted ahead; more with each call that comes, since most methods hardly get one */
  struct call_metrics metrics;
};

struct rpc_server {
  struct loop *loop;
  struct rpc_server_options options;
  struct rpc_runtime *runtime;
  grpc_completion_queue *queue; /* the runtime's */
  grpc_server *grpc;
  struct listener *listener; /* NULL once the server drains */
  int port;
  struct connection_intake intake;
  grpc_server_credentials *credentials;
  struct server_method *methods;
  size_t method_count;
  struct server_method unknown;
  struct fixed_answer overloaded, crowded, unimplemented;
  struct overload overload;

  size_t calls;           /* in flight: arrived, handler not yet ended */
  size_t line_bytes;      /* of the requests of those that wait for their turn */
  int64_t *calls_waiting; /* these; all servers of the process count together */
  bool draining;
  size_t arrived;             /* calls since the start */
  size_t arrived_before;      /* of them, when the drain began */
  atomic_size_t begun;        /* calls that gRPC has begun to read since the drain began */
  atomic_bool refusing;       /* calls that it begins to read from now on are refused */
  bool stopped;               /* gRPC's side of the shutdown is done */
  struct condition changed;   /* `stopped`, or calls while draining */
  struct rpc_stream *streams; /* living */
  size_t stream_count;        /* of them; they are among the calls */
  int64_t streams_refused_us; /* when there were too many, the last time; 0 means never */
  struct rpc_arrival shutdown;
  struct server_call *pool; /* call structs that are kept for calls to come */
  size_t pooled;            /* how many these are */
  size_t out;               /* call structs in use */
};

struct trailer {
  const char *key, *value;
  struct trailer *next;
};

/* What unary calls and streams have in common. */
struct server_call {
  struct rpc_call call; /* first: handlers hold a pointer to it */
  struct server_method *method;
  struct rpc_arrival arrival, answered, closed;
  grpc_call *grpc;
  gpr_timespec deadline;
  int64_t arrived_us; /* clock_monotonic_us */
  grpc_metadata_array metadata;
  grpc_call_details details; /* of unknown methods only */
  grpc_byte_buffer *request;
  grpc_byte_buffer *reply;
  int cancelled; /* by gRPC, when the close has come: the call has not ended in the regular way */
  bool gone;     /* the same, in time: the caller has gone, or the server has ended the call */
  bool watched;  /* the close has been asked for ahead of the answer */
  int pending;   /* batches that have not completed, its answer's always counted; not of a stream that runs */
  struct admission_entry admission; /* of unary calls */
  struct trailer *trailers;

  const void *input; /* decoded request */
  const void *output;
  const void *packed_output; /* NULL means that `output` is to be packed */
  size_t packed_size;
  struct status status;
  struct span *span; /* NULL until it has begun, and when it has ended; or if nobody records it */
  struct rpc_stream *stream;
  struct server_call *pooled;
};

/* Posts a request for the next call of a method. */
void server_call_request(struct server_method *method);

/* A call has arrived: it is counted, and a request for the next one is posted, or two while the method has few. */
void server_call_arrived(struct server_call *call);

/* Labels the call's coroutine, which works for it from now on. */
void server_call_label(const struct server_call *call);

/* Does what rpc_call_identity does, into that arena; the call need not have begun. */
const char *server_call_identity(const struct server_call *call, struct arena *arena, const char *prefix);

/* Counts how the call ends, for metrics, tells the log, and ends its span: once for each that has arrived. The
 * functions that answer do so. */
void server_call_count_end(struct server_call *call, unsigned code);

/* Asks gRPC to tell when the call is closed. */
void server_call_watch_close(struct server_call *call);

/* Fills the call's context from what has arrived; the caller's deadline counts as far as it is before `latest_us`. */
void server_call_begin(struct server_call *call, int64_t latest_us);

/* Sends the call's status, its reply if it has one, the headers if they are not sent yet; and asks for the close if
 * nobody has. Takes what it needs from the call's arena, which may be freed then. */
void server_call_answer(struct server_call *call, bool headers_sent);

/* Sends an answer that was made before, for a call whose handler has not begun; the call is released when it is sent.
 */
void server_call_refuse(struct server_call *call, const struct fixed_answer *answer);

/* Likewise sends that the server has too much to do. */
void server_call_refuse_overloaded(struct server_call *call);

/* Tells the log when nothing has been refused any more for a while. */
void server_overload_look(struct rpc_server *server, int64_t now_us);

/* A batch of the call has completed, of a unary one or a refusal; after the last one the call is released. */
void server_call_completed(struct server_call *call);

/* grpc_call_start_batch, which can't fail here. */
void server_call_start_batch(struct server_call *call, const grpc_op *ops, size_t count, struct rpc_arrival *arrival);

/* Ends the life of a call whose batches have completed; its struct goes back to the pool. */
void server_call_release(struct server_call *call);

/* Counts a unary call as in flight. Returns false if there are too many. */
bool server_call_admit(const struct server_method *method);

/* A call is no longer in flight. */
void server_call_ended(struct rpc_server *server);

/* These set what each kind of calls does with their arrivals. */
void unary_call_set_up(struct server_call *call);
void unknown_call_set_up(struct server_call *call);
void stream_call_set_up(struct server_call *call);

/* Wakes all streams because the server drains. */
void stream_calls_end(struct rpc_server *server);
