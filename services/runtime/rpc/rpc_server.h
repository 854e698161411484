/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC server, driven by protobuf-c descriptors.
 *
 * A service is a protobuf-c service descriptor and a table that gives each method a handler. Every call is a coroutine
 * on the loop: the handler gets the decoded request and returns a status; on OK the reply is sent, otherwise the status
 * with its details (`grpc-status-details-bin`). The path of a method is "/<service>/<method>". Unknown methods and
 * compressed requests are UNIMPLEMENTED. Before the handler runs, the request has been checked: size, decodable, every
 * string valid UTF-8 without NUL. The loop's own thread does gRPC's work, too.
 *
 * Overload. Of each unary method, only as many calls are worked on at once as keep what is behind them busy; others
 * wait in line. A call that can't expect to be answered in time is refused at once: RESOURCE_EXHAUSTED (OVERLOADED)
 * with RetryInfo (admission.h). A handler never sees such a call. Threads: the loop's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/brand.h"
#include "base/context.h"
#include "base/metrics.h"
#include "base/rows.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "tls/tls_files.h"

struct rpc_server;
struct rpc_method;
struct resource; /* service/resource.h */

struct rpc_call {
  int64_t heard;          /* what context.heard points to */
  struct context context; /* arena, deadline (the caller's, at most max_deadline), `<brand>-after`, traceparent */
  const struct rpc_method *method;
  const ProtobufCMethodDescriptor *signature;   /* the method's request and reply */
  const ProtobufCServiceDescriptor *descriptor; /* of the service that the method is of */
  void *service;                                /* rpc_service.user */
};

/* A unary handler. `request` is the decoded request, `*ret_reply` the reply, of the types that the proto names; both
 * live in the call's arena. Returning OK without a reply, or with a message of another type, is an error of the
 * program: the call ends with INTERNAL (NO_REPLY, REPLY_MISTYPED), and the log says so. */
typedef coroutine_fn struct status rpc_handler(struct rpc_call *call, const void *request, const void **ret_reply);

/* A handler of a streaming method: reads and writes as it likes, then returns the call's status. Streams are bounded:
 * 16 on a connection, 500 from an address, 1,000 in all. One beyond that is RESOURCE_EXHAUSTED (TOO_MANY_STREAMS) with
 * RetryInfo. */
struct rpc_stream;
typedef coroutine_fn struct status rpc_stream_handler(struct rpc_call *call, struct rpc_stream *stream);

struct rpc_method {
  const char *name;                   /* as in the proto: "CreateCustomer"; its types are the descriptor's */
  rpc_handler *handler;               /* this one or stream_handler */
  const struct resource *resource;    /* what the method is about, for the layer above; may be NULL */
  unsigned flags;                     /* free for the layer above (rpc_server_options.before and .retry) */
  rpc_stream_handler *stream_handler; /* of a streaming method */
  bool is_bidi; /* of a streaming method, for metrics: the client sends a stream, too, not one message */
};

struct rpc_service {
  const ProtobufCServiceDescriptor *descriptor;
  struct {
    const struct rpc_method *rows; /* each method of the descriptor exactly once */
    size_t count;
  } methods;
  void *user;  /* handed to handlers as call->service */
  bool exempt; /* from rpc_server_options.before and .retry, from admission and, up to a reserve, from max_calls:
                  health, reflection */
  bool begun_elsewhere; /* its calls are part of work that others have begun: they come before what is new */
};

/* Whose calls a server with CA's takes. */
enum rpc_clients {
  RPC_CLIENTS_CERTIFIED, /* of those who show a certificate of one of the CA's */
  RPC_CLIENTS_ANY,       /* also of those who show none; one that is shown must be good */
};

struct rpc_server_options {
  const struct brand *brand; /* of metadata and errors: required */
  const char *listen;        /* "127.0.0.1:50051", "[::]:50051"; port 0: any free one */
  int64_t max_message_bytes; /* a request's size; beyond: RESOURCE_EXHAUSTED. 0 means 1 MiB + 64 KiB */
  int64_t max_deadline_ms;   /* for calls without a deadline or with a longer one; streams are exempt. 0 means 60,000 */
  size_t max_calls;   /* unary, in flight or in line; beyond: RESOURCE_EXHAUSTED (OVERLOADED) with RetryInfo. 0 means
                         5,000 */
  size_t connections; /* at once; beyond: refused, as loop/listener.h says. 0 means 1,000 */
  size_t connections_per_address; /* likewise, of one client's address; 0 means half of them */
  int64_t keepalive_ms;           /* HTTP/2 ping interval; 0 means 30,000. Clients may ping every 10 s */
  struct tls_files *tls;          /* the server's identity; NULL means plain text */
  enum rpc_clients clients;       /* with TLS */
  /* Connections are ended at that age, give or take a tenth, once their calls have ended: then clients look up the name
   * again, and find new servers. 0 means never. */
  int64_t connection_ms;
  /* Unary calls that took longer have a line of the log at level info; 0 means none has. At level debug each call has
   * one. It names the caller by the brand's identity_prefix. */
  int64_t log_calls_over_ms;
  /* Runs in the call's coroutine before each unary handler of a service that is not exempt; an error ends the call.
   * May yield. NULL if there is none. */
  coroutine_fn struct status (*before)(struct rpc_call *call, void *argument);
  /* Called when a unary handler has returned anything but OK. What this function returns is the call's status, unless
   * it sets *ret_again: then the handler runs once more, and what it has answered is forgotten. May yield. NULL if
   * there is none. */
  coroutine_fn struct status (*retry)(struct rpc_call *call, struct status refusal, void *argument, bool *ret_again);
  /* Called last, with the status that the call would have; what it returns is the call's status. May yield. NULL if
   * there is none. */
  coroutine_fn struct status (*after)(struct rpc_call *call, struct status status, void *argument);
  void *argument; /* of the three */
};

/* Binds the port. `services` must outlive the server. Errors: INVALID_ARGUMENT (address; a table that does not fit its
 * descriptor), UNAVAILABLE (port taken: the message names it). */
struct status rpc_server_open(struct loop *loop, struct arena *arena, const struct rpc_server_options *options,
                              const struct rpc_service *services, size_t service_count, struct rpc_server **ret_server);

/* Returns the port that was bound. */
int rpc_server_port(const struct rpc_server *server);

/* Starts accepting calls. */
void rpc_server_start(struct rpc_server *server);

/* Ends the server gracefully: it takes no new connections, then no new calls (GOAWAY; a call that comes in between is
 * answered, or is UNAVAILABLE), and those in flight finish; after `grace_ms` the rest is cancelled, which handlers see
 * by rpc_call_cancelled. Streams are told at once: rpc_stream_read and rpc_stream_wait end. Returns when no call is in
 * flight any more (connections whose clients are asleep are cut then), at the latest a second after the grace: a
 * handler that is stuck (rpc_server_calls is not 0 then) does not keep the process from ending, but rpc_server_free
 * frees nothing then. */
coroutine_fn void rpc_server_drain(struct rpc_server *server, int64_t grace_ms);

/* Ends what rpc_server_open has begun: after drain, or if the server was never started. Before loop_free. With a call
 * still in flight nothing is freed, since its handler needs it; the process is about to end anyway. */
void rpc_server_free(struct rpc_server *server);

/* Returns how many calls are in flight, for tests and the drain. */
size_t rpc_server_calls(const struct rpc_server *server);

/* What a server's unary calls have come to since it was opened, those of exempt services left out. */
struct rpc_figures {
  uint64_t answered;
  uint64_t failed; /* of these: UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE, DATA_LOSS */
  struct metric_histogram durations; /* microseconds */
};

/* Returns the figures of the server that the call has reached: sums of its metrics. */
struct rpc_figures rpc_call_server_figures(const struct rpc_call *call);

/* Returns why new connections aren't taken, for people; "" if they are. */
const char *rpc_server_refusal(const struct rpc_server *server);

/* Answers a unary call with a reply that is packed already: a message of the type that the proto names, which the
 * caller of this has checked. The bytes live in the call's arena. The handler returns OK then, without a reply. */
void rpc_call_answer_packed(struct rpc_call *call, const void *bytes, size_t size);

/* Adds trailing metadata to a unary call; key and value are copied. It is text only (no -bin keys). */
void rpc_call_add_trailer(struct rpc_call *call, const char *key, const char *value);

/* Likewise adds the position of what the call has changed, under the brand's key. */
void rpc_call_tell_position(struct rpc_call *call, const char *position);

/* Returns, of the metadata sent by the caller, the first value of `key` (lower case), or NULL if there is none. */
const char *rpc_call_metadata(const struct rpc_call *call, const char *key);

/* To be called around a wait in a handler, or before it, for what no work of this call brings about: other calls may
 * take its place meanwhile (see "Overload" above). They do nothing in streams. */
void rpc_call_rest(struct rpc_call *call);
void rpc_call_resume(struct rpc_call *call);

/* Returns who the caller is by its certificate, which has been checked: what follows `prefix` in the first URI that
 * begins with it, in the call's arena. Returns NULL if there is no such URI, or the caller shows no certificate. */
const char *rpc_call_identity(const struct rpc_call *call, const char *prefix);

/* Returns whether the caller has gone away, or the server has ended the call (a drain does so at the end of its grace,
 * to streams at once). It is for handlers with long waits, which look again and again: for a unary call, being told of
 * its end is not free, so it begins with the first look, which itself returns false. */
bool rpc_call_cancelled(const struct rpc_call *call);

/* Reads the next message, which lives until the next read. *ret_message is NULL if the client has sent its last.
 * Errors: CANCELLED, UNAVAILABLE (SHUTTING_DOWN: the server drains), INVALID_ARGUMENT (as for requests). */
coroutine_fn struct status rpc_stream_read(struct rpc_stream *stream, const void **ret_message);

/* Sends a message. Yields until gRPC has taken it. Errors: CANCELLED. */
coroutine_fn struct status rpc_stream_write(struct rpc_stream *stream, const void *message);

/* The same for a caller who may not read: if gRPC has not taken the message by `deadline_us`, since the caller takes
 * nothing off the connection, the call is ended with the code and the message of `late`, without its details, and that
 * is returned. */
coroutine_fn struct status rpc_stream_write_until(struct rpc_stream *stream, const void *message, int64_t deadline_us,
                                                  struct status late);

/* Yields until the call is cancelled or the server drains (returns true), or `*condition` is signalled or the deadline
 * comes (returns false); wakes can be spurious. A call that is cancelled signals the condition: its other waiters look,
 * and wait again. */
struct condition;
coroutine_fn bool rpc_stream_wait(struct rpc_stream *stream, struct condition *condition, int64_t deadline_us);

/* Returns what a stream that has waited ends with: CANCELLED, or UNAVAILABLE (SHUTTING_DOWN) when the server drains. */
struct status rpc_stream_end(struct rpc_stream *stream);
