/* SPDX-License-Identifier: Apache-2.0 */
#include "stock_calls.h"

#include "base/clock.h"
#include "order_service.h"
#include "rpc/call_line.h"
#include "rpc/error_details.h"
#include "shop_brand.h"

/* What the contract allows: about 80 KiB. */
enum { BATCH_ORDERS = 128, BATCH_PRODUCTS = 2000 };

static const int64_t ONE_BY_ONE_US = 10 * 1000 * 1000;

struct stock_calls {
  struct service *service;
  struct call_line line;
  int64_t one_by_one_until_us; /* inventory has no batches, or not all its replicas have */
};

struct reserving {
  struct lined_call lined; /* first: the line hands out pointers to it */
  const Ordershop__Internal__V1__ReserveStockRequest *request;
  bool alone; /* the group has brought no outcome that counts: it is to be asked by itself */
};

static coroutine_fn struct status ask_alone(struct stock_calls *calls, struct context *context,
                                            const struct reserving *reserving) {
  return service_call(calls->service, RESERVE_STOCK, context, reserving->request).status;
}

/* ---- a batch ---------------------------------------------------------------------------------------------------- */

static Ordershop__Internal__V1__BatchedReservation *batched(struct arena *arena, const struct reserving *reserving) {
  Ordershop__Internal__V1__BatchedReservation *reservation = arena_alloc(arena, sizeof *reservation);
  ordershop__internal__v1__batched_reservation__init(reservation);
  reservation->request = (Ordershop__Internal__V1__ReserveStockRequest *)reserving->request;
  const char *traceparent = reserving->lined.context->traceparent;
  if (traceparent) reservation->traceparent = (char *)traceparent;
  return reservation;
}

static coroutine_fn struct rpc_reply ask_for_all(struct stock_calls *calls, struct context *context,
                                                 struct lined_call **lined, size_t count) {
  Ordershop__Internal__V1__BatchReserveStockRequest request =
      ORDERSHOP__INTERNAL__V1__BATCH_RESERVE_STOCK_REQUEST__INIT;
  request.reservations = arena_calloc(context->arena, count, sizeof *request.reservations);
  request.n_reservations = count;
  for (size_t i = 0; i < count; i++) {
    request.reservations[i] = batched(context->arena, (const struct reserving *)lined[i]);
  }
  return service_call(calls->service, BATCH_RESERVE_STOCK, context, &request);
}

static struct status status_of(struct arena *arena, const Ordershop__Internal__V1__ReservationOutcome *outcome) {
  if (outcome->code == STATUS_OK) return status_ok();
  return (struct status){
      .code = (enum status_code)outcome->code,
      .message = outcome->message,
      .details = error_details_unpack(arena, &shop_brand, outcome->details.data, outcome->details.len),
  };
}

/* Whether it may get another answer alone: it was held up by something that is not the others' matter, or a call that
 * brings its position waits for events which could turn the refusal into a success. */
static bool counts_only_alone(struct status status, const struct context *context) {
  return status.code == STATUS_DEADLINE_EXCEEDED || (status.code == STATUS_FAILED_PRECONDITION && context->after);
}

static void answer(struct lined_call *lined, const struct context *context, struct status status, bool alone) {
  int64_t *heard = lined->context->heard;
  if (heard && *context->heard > *heard) *heard = *context->heard;
  ((struct reserving *)lined)->alone = alone;
  lined_call_answer(lined, status);
}

static void answer_each(const struct context *context, struct lined_call **lined,
                        const Ordershop__Internal__V1__BatchReserveStockResponse *response) {
  for (size_t i = 0; i < response->n_outcomes; i++) {
    if (!lined[i]) continue;
    struct status status = status_of(context->arena, response->outcomes[i]);
    answer(lined[i], context, status, counts_only_alone(status, lined[i]->context));
  }
}

static void answer_all(const struct context *context, struct lined_call **lined, size_t count, struct status status,
                       bool alone) {
  for (size_t i = 0; i < count; i++) {
    if (lined[i]) answer(lined[i], context, status, alone);
  }
}

static coroutine_fn void carry_batch(struct stock_calls *calls, struct context *context, struct lined_call **lined,
                                     size_t count) {
  struct rpc_reply reply = ask_for_all(calls, context, lined, count);
  const Ordershop__Internal__V1__BatchReserveStockResponse *response = reply.message;
  if (reply.status.code == STATUS_UNIMPLEMENTED) {
    calls->one_by_one_until_us = clock_monotonic_us() + ONE_BY_ONE_US;
    answer_all(context, lined, count, reply.status, true);
  } else if (!status_is_ok(reply.status)) {
    answer_all(context, lined, count, reply.status, false);
  } else if (response->n_outcomes != count) {
    struct status status =
        status_error(context->arena, STATUS_INTERNAL, reason_reply_invalid,
                     "inventory answered %zu reservations with %zu outcomes", count, response->n_outcomes);
    answer_all(context, lined, count, status, false);
  } else {
    answer_each(context, lined, response);
  }
}

/* ---- the line --------------------------------------------------------------------------------------------------- */

static coroutine_fn void carry_one(struct stock_calls *calls, struct context *context, struct lined_call **lined) {
  context->after = lined[0]->context->after;
  context->traceparent = lined[0]->context->traceparent;
  struct status status = ask_alone(calls, context, (const struct reserving *)lined[0]);
  if (lined[0]) answer(lined[0], context, status, false);
}

static coroutine_fn void carry(void *user, struct context *context, struct lined_call **lined, size_t count) {
  int64_t heard = 0;
  context->heard = &heard;
  if (count == 1) {
    carry_one(user, context, lined);
  } else {
    carry_batch(user, context, lined, count);
  }
}

struct stock_calls *stock_calls_new(struct service *service) {
  struct stock_calls *calls = arena_calloc(service->arena, 1, sizeof *calls);
  calls->service = service;
  calls->line = (struct call_line){
      .loop = service->loop, .calls_max = BATCH_ORDERS, .weight_max = BATCH_PRODUCTS, .carry = carry, .user = calls};
  return calls;
}

coroutine_fn struct status stock_calls_reserve(struct stock_calls *calls, struct rpc_call *caller,
                                               struct context *context,
                                               const Ordershop__Internal__V1__ReserveStockRequest *request,
                                               bool *ret_sent) {
  struct reserving reserving = {
      .lined = {.context = context, .caller = caller, .weight = request->n_product_ids},
      .request = request,
      .alone = clock_monotonic_us() < calls->one_by_one_until_us,
  };
  if (!reserving.alone) call_line_run(&calls->line, &reserving.lined);
  *ret_sent = reserving.alone || reserving.lined.sent;
  return reserving.alone ? ask_alone(calls, context, &reserving) : reserving.lined.status;
}
