/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/outbox.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/message.h"
#include "consumer/dead_letters.h"
#include "consumer/outbox_delivery.h"
#include "loop/coroutine.h"
#include "loop/fail_point.h"
#include "store/transaction.h"

enum {
  BATCH_MESSAGES = 200,
  BATCH_BYTES = 512 * 1024,
  CALL_US = 5000000,
  REMOVE_US = 50000, /* so long what was delivered may stay in the list, until something else is committed */
  LOOK_US = 1000000, /* also without being woken, in case another replica has left something */
  READY_POLL_US = 50000,
  BACKOFF_MIN_US = 100000,
  BACKOFF_MAX_US = 2000000,
};

struct outbox {
  struct outbox_options options;
  const ProtobufCMethodDescriptor *method;
  const ProtobufCFieldDescriptor *field; /* of the request: the messages */
  const char *key;
  size_t single_left; /* a batch was refused: so many go one by one, to find the one at fault */
  bool stopping, in_trouble, woken;
  struct condition wake;
};

/* The first messages of the list. */
struct delivery {
  struct context context;
  int64_t epoch; /* of the lease, when they were read: under a later one the list may begin with others */
  void **messages;
  const char **bytes; /* of each, as stored */
  size_t *sizes;
  size_t count;
  bool undecodable; /* the one message can't be decoded */
  bool is_rest;     /* the list holds no others */
};

const char *outbox_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_outbox", store->service);
}

static const ProtobufCFieldDescriptor *messages_field(const ProtobufCMessageDescriptor *request,
                                                      const ProtobufCMessageDescriptor *message) {
  for (unsigned i = 0; i < request->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &request->fields[i];
    if (field->label == PROTOBUF_C_LABEL_REPEATED && field->descriptor == message) return field;
  }
  return NULL;
}

struct outbox *outbox_new(struct arena *arena, const struct outbox_options *options) {
  struct outbox *outbox = arena_calloc(arena, 1, sizeof *outbox);
  outbox->options = *options;
  outbox->method = protobuf_c_service_descriptor_get_method_by_name(options->route->service, options->route->method);
  outbox->field = messages_field(outbox->method->input, options->route->message);
  outbox->key = outbox_key(options->store, arena);
  return outbox;
}

void outbox_wake(struct outbox *outbox) {
  if (!outbox) return;
  outbox->woken = true;
  condition_signal_all(&outbox->wake);
}

void outbox_stop(struct outbox *outbox) {
  if (!outbox) return;
  outbox->stopping = true;
  outbox_wake(outbox);
}

/* ---- the delivery ----------------------------------------------------------------------------------------------- */

static size_t max_messages(const struct outbox *outbox) {
  if (outbox->single_left > 0) return 1;
  int32_t max = outbox->options.route->batch_messages;
  return max > 0 ? (size_t)max : BATCH_MESSAGES;
}

static size_t max_bytes(const struct outbox *outbox) {
  int64_t max = outbox->options.route->batch_bytes;
  return max > 0 ? (size_t)max : BATCH_BYTES;
}

/* Decodes as many as make a batch; what can't be decoded goes alone. */
static void fill_delivery(struct outbox *outbox, struct delivery *delivery, const struct redis_reply *list) {
  struct arena *arena = delivery->context.arena;
  delivery->messages = arena_calloc(arena, list->count, sizeof *delivery->messages);
  delivery->bytes = arena_calloc(arena, list->count, sizeof *delivery->bytes);
  delivery->sizes = arena_calloc(arena, list->count, sizeof *delivery->sizes);
  size_t size = 0;
  for (; delivery->count < list->count; delivery->count++) {
    const struct redis_reply *bytes = list->elements[delivery->count];
    size += bytes->size;
    if (delivery->count > 0 && size > max_bytes(outbox)) return;
    void *message = message_unpack(arena, outbox->options.route->message, bytes->text, bytes->size);
    if (!message && delivery->count > 0) return;
    delivery->messages[delivery->count] = message;
    delivery->bytes[delivery->count] = bytes->text;
    delivery->sizes[delivery->count] = bytes->size;
    if (message) continue;
    delivery->undecodable = true;
    delivery->count = 1;
    return;
  }
}

static coroutine_fn struct status take_messages(struct outbox *outbox, struct delivery *delivery) {
  struct redis_arguments range = redis_command_of(delivery->context.arena, "LRANGE", outbox->key, "0", NULL);
  redis_add_number(&range, (int64_t)max_messages(outbox) - 1);
  const struct redis_reply *list;
  struct status status = redis_command(outbox->options.store->reads, &delivery->context, &range, &list);
  if (!status_is_ok(status)) return status;
  fill_delivery(outbox, delivery, list);
  delivery->is_rest = delivery->count == list->count && list->count < max_messages(outbox);
  return status_ok();
}

static coroutine_fn struct status call_peer(struct outbox *outbox, struct delivery *delivery) {
  void *request = message_new(delivery->context.arena, outbox->method->input);
  *(size_t *)((char *)request + outbox->field->quantifier_offset) = delivery->count;
  *(void ***)((char *)request + outbox->field->offset) = delivery->messages;
  delivery->context.deadline_us = clock_monotonic_us() + CALL_US;
  const struct outbox_route *route = outbox->options.route;
  return rpc_client_call(outbox->options.channel, &delivery->context, route->service, route->method, request).status;
}

/* Returns true for a status that says that the message is wrong. Anything else, even if its code is not that of an
 * outage (a proxy that knows no such method, a certificate that has expired), says nothing about the message: it
 * waits. */
static bool blames_message(struct status status) {
  switch (status.code) {
    case STATUS_INVALID_ARGUMENT:
    case STATUS_NOT_FOUND:
    case STATUS_ALREADY_EXISTS:
    case STATUS_FAILED_PRECONDITION:
    case STATUS_OUT_OF_RANGE:
      return true;
    default:
      return false;
  }
}

/* ---- removing --------------------------------------------------------------------------------------------------- */

/* Removes the first `count` messages; if there is a `reason`, the first one is dead-lettered. Where nothing else waits
 * to be delivered, this goes with the commit that adds the next messages, or another one. */
static coroutine_fn struct status remove_first(struct outbox *outbox, struct delivery *delivery, size_t count,
                                               const char *reason) {
  struct event_store *store = outbox->options.store;
  struct arena *arena = delivery->context.arena;
  delivery->context.deadline_us = clock_monotonic_us() + CALL_US;
  struct transaction transaction = transaction_of(store, arena);
  transaction_require_value(&transaction, lease_epoch_key(store, arena),
                            arena_printf(arena, "%" PRId64, delivery->epoch));
  transaction_trim(&transaction, outbox->key, (int64_t)count);
  if (reason) dead_letters_add_line(&transaction, DEAD_LETTERS_OUTBOX, delivery->bytes[0], delivery->sizes[0]);
  if (delivery->is_rest && !reason) transaction.patience_us = REMOVE_US;
  struct transaction_result result;
  struct status status = transaction_run(&transaction, &delivery->context, &result);
  if (!status_is_ok(status)) return status;
  if (result.outcome != TRANSACTION_DONE) return lease_lost(arena);
  outbox->single_left -= outbox->single_left < count ? outbox->single_left : count;
  return status_ok();
}

static coroutine_fn struct status dead_letter_first(struct outbox *outbox, struct delivery *delivery,
                                                    const char *reason) {
  struct status status = remove_first(outbox, delivery, 1, reason);
  if (!status_is_ok(status)) return status;
  log_event(LOG_ERROR, "dead-lettered a message that the peer refuses", "method", outbox->options.route->method,
            "reason", reason, NULL);
  return status_ok();
}

/* ---- the coroutine ---------------------------------------------------------------------------------------------- */

static coroutine_fn struct status deliver(struct outbox *outbox, struct delivery *delivery) {
  struct status status = take_messages(outbox, delivery);
  if (!status_is_ok(status) || delivery->count == 0) return status;
  if (delivery->undecodable) return dead_letter_first(outbox, delivery, "it can't be decoded");
  if (fail_point("outbox.before_delivery")) {
    return status_error(delivery->context.arena, STATUS_UNAVAILABLE, reason_fail_point,
                        "the fail point before delivery");
  }
  status = call_peer(outbox, delivery);
  if (fail_point("outbox.after_delivery")) {
    return status_error(delivery->context.arena, STATUS_UNAVAILABLE, reason_fail_point,
                        "the fail point after delivery");
  }
  if (status_is_ok(status)) return remove_first(outbox, delivery, delivery->count, NULL);
  if (!blames_message(status)) return status;
  if (delivery->count == 1) return dead_letter_first(outbox, delivery, status.message);
  outbox->single_left = delivery->count;
  return status_ok();
}

static void say(struct outbox *outbox, struct status status) {
  if (status_is(status, reason_lease_lost)) return;
  const char *method = outbox->options.route->method;
  if (!status_is_ok(status) && !outbox->in_trouble) {
    log_event(LOG_WARN, "messages can't be delivered, they wait", "method", method, "reason", status_reason(status),
              "detail", status.message, NULL);
  } else if (status_is_ok(status) && outbox->in_trouble) {
    log_event(LOG_INFO, "messages are delivered again", "method", method, NULL);
  }
  outbox->in_trouble = !status_is_ok(status);
}

/* Makes one delivery. *ret_more is false if the list is empty. Returns false if it failed. */
static coroutine_fn bool deliver_next(struct outbox *outbox, bool *ret_more) {
  struct delivery delivery = {.context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + CALL_US},
                              .epoch = outbox->options.leader->epoch};
  struct status status = deliver(outbox, &delivery);
  *ret_more = delivery.count > 0;
  if (delivery.count > 0 || !status_is_ok(status)) say(outbox, status);
  arena_free(delivery.context.arena);
  return status_is_ok(status);
}

static coroutine_fn void wait_until(struct outbox *outbox, int64_t end_us) {
  while (!outbox->stopping && !outbox->woken && condition_wait(&outbox->wake, end_us)) continue;
}

static coroutine_fn void pause_for(struct outbox *outbox, int64_t duration_us) {
  int64_t end_us = clock_monotonic_us() + duration_us;
  while (!outbox->stopping && condition_wait(&outbox->wake, end_us)) continue;
}

static bool may_deliver(const struct outbox *outbox) {
  return outbox->options.leader->epoch != 0 && redis_is_ready(outbox->options.store->commands) &&
         redis_is_ready(outbox->options.store->reads);
}

coroutine_fn void outbox_run(struct outbox *outbox) {
  int64_t backoff_us = BACKOFF_MIN_US;
  while (!outbox->stopping) {
    if (!may_deliver(outbox)) {
      pause_for(outbox, READY_POLL_US);
      continue;
    }
    outbox->woken = false;
    bool more;
    if (deliver_next(outbox, &more)) {
      backoff_us = BACKOFF_MIN_US;
      if (!more) wait_until(outbox, clock_monotonic_us() + LOOK_US);
      continue;
    }
    pause_for(outbox, backoff_us);
    backoff_us = backoff_us * 2 < BACKOFF_MAX_US ? backoff_us * 2 : BACKOFF_MAX_US;
  }
}
