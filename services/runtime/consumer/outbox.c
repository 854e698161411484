/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/outbox.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/message.h"
#include "consumer/consumer_metrics.h"
#include "consumer/dead_letters.h"
#include "consumer/outbox_delivery.h"
#include "loop/coroutine.h"
#include "loop/fail_point.h"
#include "store/transaction.h"

enum {
  BATCH_MESSAGES = 60, /* a peer commits them at once, and Redis does nothing else meanwhile (60 mails: about 1 ms) */
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
  struct outbox_list list;
  size_t single_left;       /* a batch was refused: so many go one by one, to find the one at fault */
  int64_t waiting_since_us; /* since when the same message is first (clock_monotonic_us); 0 if none waits */
  bool stopping, alarmed, woken;
  struct condition wake;
};

/* The first messages of the list. */
struct delivery {
  struct context context;
  int64_t epoch;      /* of the lease, when they were taken: under a later one the list may begin with others */
  uint64_t knowledge; /* of the list, likewise (outbox_list.h) */
  void **messages;
  struct redis_arguments stored; /* each as it is in the list */
  size_t count;
  bool undecodable; /* the one message can't be decoded */
  bool is_rest;     /* the list holds no others */
};

const char *outbox_key(const struct event_store *store, struct arena *arena) {
  return redis_key(store->commands, arena, "%s_outbox", store->service);
}

coroutine_fn int64_t outbox_length(struct event_store *store, int64_t deadline_us) {
  struct context context = {.arena = arena_new(), .deadline_us = deadline_us};
  struct redis_arguments length = redis_command_of(context.arena, "LLEN", outbox_key(store, context.arena), NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(store->commands, &context, &length, &reply);
  int64_t count = status_is_ok(status) ? redis_reply_number(reply, -1) : -1;
  arena_free(context.arena);
  return count;
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
  outbox->list = outbox_list_of(options->store, options->leader, outbox_key(options->store, arena));
  return outbox;
}

struct outbox_list *outbox_known(struct outbox *outbox) {
  return &outbox->list;
}

int64_t outbox_waiting_us(const struct outbox *outbox) {
  if (outbox->options.leader->epoch == 0 || outbox->waiting_since_us == 0) return 0;
  return clock_monotonic_us() - outbox->waiting_since_us;
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
static void fill_delivery(struct outbox *outbox, struct delivery *delivery) {
  const struct outbox_list *list = &outbox->list;
  struct arena *arena = delivery->context.arena;
  size_t max = list->count < max_messages(outbox) ? list->count : max_messages(outbox), size = 0;
  delivery->messages = arena_calloc(arena, max, sizeof *delivery->messages);
  delivery->stored = redis_arguments_empty(arena);
  for (const struct outbox_message *at = list->first; delivery->count < max; at = at->next) {
    size += at->size;
    if (delivery->count > 0 && size > max_bytes(outbox)) return;
    void *message = message_unpack(arena, outbox->options.route->message, at->bytes, at->size);
    if (!message && delivery->count > 0) return;
    delivery->messages[delivery->count++] = message;
    redis_add_bytes(&delivery->stored, arena_memdup(arena, at->bytes, at->size), at->size);
    delivery->undecodable = !message;
    if (!message) return;
  }
}

static coroutine_fn struct status take_messages(struct outbox *outbox, struct delivery *delivery) {
  struct outbox_list *list = &outbox->list;
  struct status status = outbox_list_read(list, &delivery->context, max_messages(outbox));
  if (!status_is_ok(status)) return status;
  fill_delivery(outbox, delivery);
  delivery->epoch = list->epoch;
  delivery->knowledge = list->knowledge;
  delivery->context.redis_era = list->redis_era;
  delivery->is_rest = list->whole && delivery->count == list->count;
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

static struct status lost_answer(struct delivery *delivery, const char *where) {
  return status_error(delivery->context.arena, STATUS_UNAVAILABLE, reason_fail_point, "the fail point %s", where);
}

static coroutine_fn struct status run_removal(struct delivery *delivery, struct transaction *transaction) {
  struct arena *arena = delivery->context.arena;
  struct transaction_result result;
  if (fail_point("outbox.before_removal")) return lost_answer(delivery, "outbox.before_removal");
  struct status status = transaction_run(transaction, &delivery->context, &result);
  if (fail_point("outbox.after_removal")) return lost_answer(delivery, "outbox.after_removal");
  if (!status_is_ok(status) || result.outcome == TRANSACTION_DONE) return status;
  if (result.refused_by == 1) return lease_lost(arena);
  return status_error(arena, STATUS_ABORTED, reason_contended, "the outbox begins with other messages");
}

/* Removes the first `count` messages; if there is a `reason`, the first one is dead-lettered. Where nothing else waits
 * to be delivered, this goes with the commit that adds the next messages, or another one. */
static coroutine_fn struct status remove_first(struct outbox *outbox, struct delivery *delivery, size_t count,
                                               const char *reason) {
  struct event_store *store = outbox->options.store;
  struct outbox_list *list = &outbox->list;
  struct arena *arena = delivery->context.arena;
  struct redis_arguments *stored = &delivery->stored;
  delivery->context.deadline_us = clock_monotonic_us() + CALL_US;
  struct transaction transaction = transaction_of(store, arena);
  transaction_require_value(&transaction, lease_epoch_key(store, arena),
                            arena_printf(arena, "%" PRId64, delivery->epoch));
  stored->count = count;
  transaction_require_beginning(&transaction, list->key, stored);
  transaction_trim(&transaction, list->key, (int64_t)count);
  if (reason) dead_letters_add_message(&transaction, stored->values[0], stored->sizes[0], reason);
  if (delivery->is_rest && !reason) transaction.patience_us = REMOVE_US;
  struct status status = run_removal(delivery, &transaction);
  if (!status_is_ok(status)) return status;
  outbox_list_removed(list, delivery->knowledge, count);
  outbox->waiting_since_us = 0;
  outbox->single_left -= outbox->single_left < count ? outbox->single_left : count;
  return status_ok();
}

static coroutine_fn struct status dead_letter_first(struct outbox *outbox, struct delivery *delivery,
                                                    const char *reason) {
  struct status status = remove_first(outbox, delivery, 1, reason);
  if (!status_is_ok(status)) return status;
  consumer_metrics_dead_letter(reason);
  log_event(LOG_ERROR, "dead-lettered a message that the peer refuses", "method", outbox->options.route->method,
            "reason", reason, NULL);
  return status_ok();
}

/* ---- the coroutine ---------------------------------------------------------------------------------------------- */

static void note_waiting(struct outbox *outbox, bool waits) {
  if (!waits) {
    outbox->waiting_since_us = 0;
  } else if (outbox->waiting_since_us == 0) {
    outbox->waiting_since_us = clock_monotonic_us();
  }
}

static coroutine_fn struct status deliver(struct outbox *outbox, struct delivery *delivery) {
  struct status status = take_messages(outbox, delivery);
  if (!status_is_ok(status)) return status;
  note_waiting(outbox, delivery->count > 0);
  if (delivery->count == 0) return status;
  if (delivery->undecodable) return dead_letter_first(outbox, delivery, "it can't be decoded");
  if (fail_point("outbox.before_delivery")) return lost_answer(delivery, "outbox.before_delivery");
  status = call_peer(outbox, delivery);
  if (fail_point("outbox.after_delivery")) return lost_answer(delivery, "outbox.after_delivery");
  if (status_is_ok(status)) *consumer_metrics()->outbox_delivered += delivery->count;
  if (status_is_ok(status)) return remove_first(outbox, delivery, delivery->count, NULL);
  if (!blames_message(status)) return status;
  if (delivery->count == 1) return dead_letter_first(outbox, delivery, status.message);
  outbox->single_left = delivery->count;
  return status_ok();
}

static void say(struct outbox *outbox, struct status status) {
  if (status_is(status, reason_lease_lost)) return;
  const char *method = outbox->options.route->method;
  if (!status_is_ok(status) && !outbox->alarmed) {
    log_event(LOG_WARN, "messages can't be delivered, they wait", "method", method, "reason", status_reason(status),
              "detail", status.message, NULL);
  } else if (status_is_ok(status) && outbox->alarmed) {
    log_event(LOG_INFO, "messages are delivered again", "method", method, NULL);
  }
  outbox->alarmed = !status_is_ok(status);
}

/* Makes one delivery. *ret_more is false if nothing waits. Returns false if it failed. A list that others have changed
 * is read again at once, which is no failure. */
static coroutine_fn bool deliver_next(struct outbox *outbox, bool *ret_more) {
  struct outbox_list *list = &outbox->list;
  struct delivery delivery = {.context = {.arena = arena_new(), .deadline_us = clock_monotonic_us() + CALL_US}};
  struct status status = deliver(outbox, &delivery);
  if (!status_is_ok(status)) outbox_list_forget(list);
  if (status_is(status, reason_contended)) status = status_ok();
  *ret_more = list->count > 0 || !list->whole;
  if (delivery.count > 0 || !status_is_ok(status)) say(outbox, status);
  arena_free(delivery.context.arena);
  return status_is_ok(status);
}

/* Waits until something is committed. From time to time the list is looked at, in case others have put something
 * there. */
static coroutine_fn void rest(struct outbox *outbox) {
  struct outbox_list *list = &outbox->list;
  int64_t look_us = list->read_us + LOOK_US;
  while (!outbox->stopping && !outbox->woken && condition_wait(&outbox->wake, look_us)) continue;
  if (clock_monotonic_us() >= look_us) list->whole = false;
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
    if (!outbox->options.leader->epoch) outbox->waiting_since_us = 0;
    if (!may_deliver(outbox)) {
      pause_for(outbox, READY_POLL_US);
      continue;
    }
    outbox->woken = false;
    bool more;
    if (deliver_next(outbox, &more)) {
      backoff_us = BACKOFF_MIN_US;
      if (!more) rest(outbox);
      continue;
    }
    pause_for(outbox, backoff_us);
    backoff_us = backoff_us * 2 < BACKOFF_MAX_US ? backoff_us * 2 : BACKOFF_MAX_US;
  }
  outbox_list_forget(&outbox->list);
}
