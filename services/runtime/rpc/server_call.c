/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/server_call.h"

#include <grpc/grpc_security.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/traceparent.h"
#include "loop/label.h"
#include "rpc/access_line.h"
#include "rpc/call_span.h"
#include "rpc/error_details.h"
#include "rpc/rpc_wire.h"

enum {
  OVERLOAD_OVER_US = 5 * 1000 * 1000, /* without a refusal */
  POOLED_MAX = 512,                   /* call structs that are kept */
  GATHER_US = 1000,                   /* after a refusal: calls that may have to be refused come together so long */
};

static const char details_key[] = "grpc-status-details-bin";

static struct server_call *pool_take(struct rpc_server *server) {
  struct server_call *call = server->pool;
  server->out++;
  if (!call) return memory_alloc(sizeof(*call));
  server->pool = call->pooled;
  server->pooled--;
  return call;
}

static void pool_give(struct rpc_server *server, struct server_call *call) {
  server->out--;
  if (server->pooled >= POOLED_MAX) {
    free(call);
    return;
  }
  server->pooled++;
  call->pooled = server->pool;
  server->pool = call;
}

static void set_up(struct server_call *call, struct server_method *method) {
  memset(call, 0, sizeof(*call));
  call->method = method;
  call->call.method = method->method;
  call->call.signature = method->signature;
  call->call.descriptor = method->service ? method->service->descriptor : NULL;
  call->call.service = method->service ? method->service->user : NULL;
  call->pending = 1;
  grpc_metadata_array_init(&call->metadata);
  method->set_up(call);
}

void server_call_request(struct server_method *method) {
  struct rpc_server *server = method->server;
  struct server_call *call = pool_take(server);
  set_up(call, method);
  grpc_call_error error;
  if (method->method) {
    grpc_byte_buffer **request = method->method->handler ? &call->request : NULL;
    error = grpc_server_request_registered_call(server->grpc, method->registered, &call->grpc, &call->deadline,
                                                &call->metadata, request, server->queue, server->queue, &call->arrival);
  } else {
    grpc_call_details_init(&call->details);
    error = grpc_server_request_call(server->grpc, &call->grpc, &call->details, &call->metadata, server->queue,
                                     server->queue, &call->arrival);
  }
  if (error == GRPC_CALL_OK) return;
  log_event(LOG_ERROR, "no request for calls", "error", grpc_call_error_to_string(error), NULL);
  server_call_release(call);
}

void server_call_arrived(struct server_call *call) {
  call->arrived_us = clock_monotonic_us();
  call->method->server->arrived++;
  (*call->method->metrics.started)++;
  server_call_request(call->method);
  if (call->method->requests == call->method->requests_max) return;
  call->method->requests++;
  server_call_request(call->method);
}

void server_call_count_end(struct server_call *call, unsigned code) {
  int64_t duration_us = clock_monotonic_us() - call->arrived_us;
  call_metrics_end(&call->method->metrics, code, duration_us);
  access_line_write(call, code, duration_us);
  call_span_end(call->span, code, call->status.message);
  call->span = NULL;
}

static const char *request_id_of(const struct server_call *call) {
  const ProtobufCFieldDescriptor *field = call->method->request_id;
  return field && call->input ? *(const char *const *)message_member(call->input, field) : NULL;
}

void server_call_label(const struct server_call *call) {
  label_set(&(struct label){.kind = "method",
                            .name = call->method->method->name,
                            .ids = {.request_id = request_id_of(call), .traceparent = call->call.context.traceparent}});
}

void server_call_release(struct server_call *call) {
  if (call->grpc) grpc_call_unref(call->grpc);
  if (call->request) grpc_byte_buffer_destroy(call->request);
  if (call->reply) grpc_byte_buffer_destroy(call->reply);
  if (!call->method->method) grpc_call_details_destroy(&call->details);
  grpc_metadata_array_destroy(&call->metadata);
  pool_give(call->method->server, call);
}

void server_call_start_batch(struct server_call *call, const grpc_op *ops, size_t count, struct rpc_arrival *arrival) {
  grpc_call_error error = grpc_call_start_batch(call->grpc, ops, count, arrival, NULL);
  if (error == GRPC_CALL_OK) return;
  /* Metadata has been checked, the queue lives as long as the server: only a fault in this program gets here. */
  log_event(LOG_ERROR, "gRPC refuses a batch", "error", grpc_call_error_to_string(error), NULL);
  abort();
}

static grpc_op op_close(struct server_call *call) {
  grpc_op op = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
  op.data.recv_close_on_server.cancelled = &call->cancelled;
  return op;
}

void server_call_watch_close(struct server_call *call) {
  grpc_op op = op_close(call);
  call->watched = true;
  call->pending++;
  server_call_start_batch(call, &op, 1, &call->closed);
}

static const struct brand *brand_of(const struct server_call *call) {
  return call->method->server->options.brand;
}

static const char *metadata_text(const struct server_call *call, const char *key) {
  const grpc_slice *value = rpc_wire_metadata(&call->metadata, key);
  return value ? rpc_wire_text(call->call.context.arena, *value) : NULL;
}

/* By the rules of W3C, what breaks them is ignored, and so are several. */
static const char *traceparent_of(const struct server_call *call) {
  const grpc_slice *value = rpc_wire_sole_metadata(&call->metadata, "traceparent");
  const char *text = value ? rpc_wire_text(call->call.context.arena, *value) : NULL;
  return traceparent_is_valid(text) ? text : NULL;
}

/* Probes and those who ask for the contract are no part of what the service does. */
static void begin_span(struct server_call *call) {
  const struct rpc_service *service = call->method->service;
  if (service->exempt) return;
  struct context *context = &call->call.context;
  call->span =
      call_span_of_server(service->descriptor, call->method->method->name, context->arena, &context->traceparent);
  span_began(call->span, call->arrived_us);
}

void server_call_begin(struct server_call *call, int64_t latest_us) {
  struct context *context = &call->call.context;
  int64_t deadline_us = rpc_wire_time_us(call->deadline);
  context->arena = arena_new();
  context->deadline_us = deadline_us < latest_us ? deadline_us : latest_us;
  context->after = metadata_text(call, brand_of(call)->after_metadata);
  context->traceparent = traceparent_of(call);
  context->heard = &call->call.heard;
  begin_span(call);
}

static size_t trailer_count(const struct server_call *call) {
  size_t count = 0;
  for (const struct trailer *trailer = call->trailers; trailer; trailer = trailer->next) count++;
  return count;
}

static grpc_metadata metadata_entry(const char *key, grpc_slice value) {
  grpc_metadata entry = {.key = grpc_slice_from_static_string(key), .value = value};
  return entry;
}

/* The trailers, and the error's details if there is one. gRPC takes references of its own to the values. */
static size_t make_trailers(struct server_call *call, grpc_metadata **ret_entries) {
  struct arena *arena = call->call.context.arena;
  size_t count = 0;
  grpc_metadata *entries = arena_calloc(arena, trailer_count(call) + 1, sizeof(*entries));
  for (const struct trailer *trailer = call->trailers; trailer; trailer = trailer->next) {
    entries[count].key = grpc_slice_from_copied_string(trailer->key);
    entries[count++].value = grpc_slice_from_copied_string(trailer->value);
  }
  if (!status_is_ok(call->status)) {
    const void *bytes;
    size_t size = error_details_pack(arena, brand_of(call)->error_domain, call->status, &bytes);
    entries[count++] = metadata_entry(details_key, grpc_slice_from_copied_buffer(bytes, size));
  }
  *ret_entries = entries;
  return count;
}

static void drop_trailers(grpc_metadata *entries, size_t count) {
  for (size_t i = 0; i < count; i++) {
    grpc_slice_unref(entries[i].key);
    grpc_slice_unref(entries[i].value);
  }
}

void server_call_answer(struct server_call *call, bool headers_sent) {
  grpc_op ops[4] = {0};
  size_t count = 0;
  grpc_metadata *trailers = NULL;
  size_t trailer_number = 0;
  grpc_slice message = grpc_empty_slice();
  bool failed = !status_is_ok(call->status);
  if (failed || call->trailers) trailer_number = make_trailers(call, &trailers);
  if (failed) message = grpc_slice_from_copied_string(error_message(call->call.context.arena, call->status));
  if (!headers_sent) ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
  if (!failed && (call->output || call->packed_output)) {
    call->reply =
        call->packed_output ? rpc_wire_packed(call->packed_output, call->packed_size) : rpc_wire_pack(call->output);
    ops[count].op = GRPC_OP_SEND_MESSAGE;
    ops[count++].data.send_message.send_message = call->reply;
  }
  ops[count].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
  ops[count].data.send_status_from_server.status = (grpc_status_code)call->status.code;
  ops[count].data.send_status_from_server.status_details = failed ? &message : NULL;
  ops[count].data.send_status_from_server.trailing_metadata_count = trailer_number;
  ops[count++].data.send_status_from_server.trailing_metadata = trailers;
  if (!call->watched) ops[count++] = op_close(call);
  server_call_count_end(call, call->status.code);
  server_call_start_batch(call, ops, count, &call->answered);
  drop_trailers(trailers, trailer_number);
  grpc_slice_unref(message);
}

void server_call_completed(struct server_call *call) {
  if (call->cancelled) call->gone = true;
  if (--call->pending == 0) server_call_release(call);
}

static void refused(struct rpc_arrival *arrival) {
  server_call_completed(SERVER_CALL_OF(arrival, answered));
}

void server_call_refuse(struct server_call *call, const struct fixed_answer *answer) {
  grpc_op ops[3] = {{.op = GRPC_OP_SEND_INITIAL_METADATA}, {.op = GRPC_OP_SEND_STATUS_FROM_SERVER}, op_close(call)};
  grpc_metadata details = metadata_entry(details_key, answer->details);
  grpc_slice message = answer->message;
  call->answered.run = refused;
  ops[1].data.send_status_from_server.status = answer->code;
  ops[1].data.send_status_from_server.status_details = &message;
  ops[1].data.send_status_from_server.trailing_metadata_count = 1;
  ops[1].data.send_status_from_server.trailing_metadata = &details;
  server_call_count_end(call, (unsigned)answer->code);
  server_call_start_batch(call, ops, call->watched ? 2 : 3, &call->answered);
}

void server_call_refuse_overloaded(struct server_call *call) {
  struct rpc_server *server = call->method->server;
  struct overload *overload = &server->overload;
  overload->last_us = clock_monotonic_us();
  if (overload->refused++ == 0) {
    overload->since_us = overload->last_us;
    log_event(LOG_WARN, "overloaded: calls are refused", "method", call->method->method->name, NULL);
  }
  server_call_refuse(call, &server->overloaded);
  /* Most of what a refusal costs is that it wakes: calls that come together cost little more than half. */
  loop_gather(server->loop, GATHER_US);
}

void server_overload_look(struct rpc_server *server, int64_t now_us) {
  struct overload *overload = &server->overload;
  if (overload->refused == 0 || now_us - overload->last_us < OVERLOAD_OVER_US) return;
  log_event(LOG_INFO, "no longer overloaded", "refused", log_number(overload->refused), "seconds",
            log_number((overload->last_us - overload->since_us) / 1000000), NULL);
  overload->refused = 0;
}

bool server_call_admit(const struct server_method *method) {
  if (method->server->calls - method->server->stream_count >= method->calls_max) return false;
  method->server->calls++;
  return true;
}

void server_call_ended(struct rpc_server *server) {
  server->calls--;
  if (server->draining) condition_signal_all(&server->changed);
}

void rpc_call_add_trailer(struct rpc_call *call, const char *key, const char *value) {
  struct server_call *own = (struct server_call *)call;
  grpc_slice name = grpc_slice_from_static_string(key), text = grpc_slice_from_static_string(value);
  if (!grpc_header_key_is_legal(name) || grpc_is_binary_header(name) || !grpc_header_nonbin_value_is_legal(text)) {
    log_event(LOG_ERROR, "no legal trailing metadata", "key", key, "value", value, NULL);
    return;
  }
  struct arena *arena = call->context.arena;
  struct trailer *trailer = arena_alloc(arena, sizeof(*trailer));
  *trailer =
      (struct trailer){.key = arena_strdup(arena, key), .value = arena_strdup(arena, value), .next = own->trailers};
  own->trailers = trailer;
}

void rpc_call_tell_position(struct rpc_call *call, const char *position) {
  rpc_call_add_trailer(call, brand_of((struct server_call *)call)->position_metadata, position);
}

const char *rpc_call_metadata(const struct rpc_call *call, const char *key) {
  return metadata_text((const struct server_call *)call, key);
}

static void watch_close(void *argument) {
  server_call_watch_close(argument);
}

bool rpc_call_cancelled(const struct rpc_call *call) {
  struct server_call *own = (struct server_call *)call;
  if (own->stream) return own->gone || own->method->server->draining;
  if (!own->watched) coroutine_on_loop_stack(watch_close, own);
  return own->gone;
}

/* ---- who calls --------------------------------------------------------------------------------------------------- */

/* The property's text behind the prefix, or NULL. A NUL in it would hide what follows. */
static const char *rest_of(struct arena *arena, const grpc_auth_property *property, const char *prefix) {
  size_t skipped = strlen(prefix);
  if (property->value_length <= skipped || memcmp(property->value, prefix, skipped) != 0) return NULL;
  if (memchr(property->value, '\0', property->value_length)) return NULL;
  return arena_memdup(arena, property->value + skipped, property->value_length - skipped);
}

const char *server_call_identity(const struct server_call *call, struct arena *arena, const char *prefix) {
  grpc_auth_context *context = grpc_call_auth_context(call->grpc);
  if (!context) return NULL;
  grpc_auth_property_iterator at = grpc_auth_context_find_properties_by_name(context, GRPC_PEER_URI_PROPERTY_NAME);
  const grpc_auth_property *property;
  const char *identity = NULL;
  while (!identity && (property = grpc_auth_property_iterator_next(&at))) {
    identity = rest_of(arena, property, prefix);
  }
  grpc_auth_context_release(context);
  return identity;
}

const char *rpc_call_identity(const struct rpc_call *call, const char *prefix) {
  return server_call_identity((const struct server_call *)call, call->context.arena, prefix);
}
