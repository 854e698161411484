/* SPDX-License-Identifier: Apache-2.0 */
#include "stock.h"

#include <inttypes.h>

#include "base/message.h"
#include "base/metrics.h"
#include "consumer/consumer.h"
#include "consumer/progress.h"
#include "shop_reasons.h"
#include "stock_change.h"
#include "store/log_clock.h"

static const struct metric attempts_expired = {
    .name = "attempts_expired_total",
    .help = "Attempts to order that nobody has recorded or released in time; what they held was given back.",
    .kind = METRIC_COUNTER};

struct stock *stock_new(struct event_store *store, struct event_store *orders, struct arena *arena) {
  struct stock *stock = arena_calloc(arena, 1, sizeof *stock);
  stock->store = store;
  stock->orders = orders;
  stock->newest = newest_states_new(arena);
  stock->precedence = stock_precedence_new(store, arena);
  stock->expired = metric_counter(&attempts_expired, NULL);
  return stock;
}

void stock_stop(struct stock *stock) {
  newest_states_stop(stock->newest);
}

/* What a change has made ends at its position; what it has found ends at the log's at the latest. */
static coroutine_fn struct status tell_position(struct stock *stock, struct context *context,
                                                const struct stock_changed *changed, struct position *ret_position) {
  *ret_position = changed->position;
  if (changed->position.log_time > 0) return status_ok();
  return clock_read(stock->store, context, ret_position);
}

/* ---- reserving -------------------------------------------------------------------------------------------------- */

struct reserving {
  const struct stock_reservation *wanted;
  struct stock_items items;
  struct context *context;
  bool presumes;        /* that nothing is reserved for the order: in the first run only */
  int in_time;          /* the guard */
  struct status answer; /* if it is certain that nothing else was in the way */
};

static struct status out_of_stock(struct arena *arena, const struct stock_item *item, int64_t available) {
  struct status status = status_error(arena, STATUS_FAILED_PRECONDITION, reason_out_of_stock,
                                      "product %s is out of stock: %" PRId64 " wanted, %" PRId64 " available",
                                      item->product_id, item->quantity, available);
  status = status_with_metadata(status, arena, "product_id", item->product_id);
  status = status_with_metadata(status, arena, "wanted", arena_printf(arena, "%" PRId64, item->quantity));
  status = status_with_metadata(status, arena, "available", arena_printf(arena, "%" PRId64, available));
  return status_with_precondition(status, arena, "STOCK", arena_printf(arena, "product/%s", item->product_id),
                                  status.message);
}

/* How far the order events were applied, as it is stored. */
static coroutine_fn struct status read_applied(const struct stock *stock, struct context *context,
                                               int64_t *ret_log_time) {
  struct arena *arena = context->arena;
  struct redis_arguments get = redis_command_of(arena, "HGET", consumer_position_key(stock->store, arena),
                                                progress_log_field(arena, stock->store, stock->orders), NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(stock->store->commands, context, &get, &reply);
  if (!status_is_ok(status)) return status;
  const char *entry_id = redis_reply_text(reply);
  *ret_log_time = entry_id ? log_time_of_entry(entry_id) : 0;
  return status;
}

/* The order events that were applied reach to the time of expiry. */
static coroutine_fn struct status reservation_expired(struct stock *stock, struct context *context,
                                                      struct position *ret_position) {
  struct arena *arena = context->arena;
  int64_t applied;
  struct position last;
  struct status status = read_applied(stock, context, &applied);
  if (status_is_ok(status)) status = clock_read(stock->orders, context, &last);
  if (!status_is_ok(status)) return status;
  if (applied > last.log_time) last.log_time = applied;
  clock_saw(stock->orders, &last);
  if (stock->orders == stock->store) *ret_position = last;
  status = status_error(arena, STATUS_ABORTED, reason_reservation_expired,
                        "expire_log_time is behind the log, which is at %" PRId64, last.log_time);
  return status_with_metadata(status, arena, "log_time", arena_printf(arena, "%" PRId64, last.log_time));
}

/* Sets the answer of the first product of which there is too little for what the order does not hold yet. */
static struct status check_available(struct stock_change *change, struct reserving *reserving,
                                     const struct stock_items *held) {
  for (size_t i = 0; i < reserving->items.count; i++) {
    const struct stock_item *item = &reserving->items.items[i];
    int64_t have = stock_items_find(held, item->product_id);
    if (item->quantity <= have) continue;
    const Ordershop__V1__Inventory *inventory;
    bool known;
    struct status status =
        stock_change_inventory(change, stock_change_inventory_id(change, item->product_id), &known, &inventory);
    if (!status_is_ok(status)) return status;
    int64_t available = have + (inventory ? inventory->amount : 0);
    if (!known || item->quantity <= available) continue;
    reserving->answer = out_of_stock(reserving->context->arena, item, available);
    return status_ok();
  }
  return status_ok();
}

static struct status decide_to_reserve(struct stock_change *change, void *subject) {
  struct reserving *reserving = subject;
  const struct stock_reservation *wanted = reserving->wanted;
  struct arena *arena = change->arena;
  reserving->answer = status_ok();
  const struct stock *stock = change->stock;
  reserving->in_time =
      transaction_require_field_below(&change->transaction, consumer_position_key(stock->store, arena),
                                      progress_log_field(arena, stock->store, stock->orders), wanted->expire_log_time);
  if (reserving->presumes) stock_change_presume_no_reservation(change, wanted->order_id);
  reserving->presumes = false;
  const struct reservation *before = stock_change_reservation(change, wanted->order_id);
  struct stock_items held = before ? reservation_held(arena, before) : (struct stock_items){0};
  if (before && reservation_attempt(before, wanted->attempt_id)) return status_ok();
  struct status status = check_available(change, reserving, &held);
  if (!status_is_ok(status) || !before || change->lacks || !status_is_ok(reserving->answer)) return status;

  struct reservation after = *before;
  const struct attempt attempt = {wanted->attempt_id, wanted->expire_log_time, reserving->items};
  reservation_open(arena, &after, &attempt);
  stock_change_reserve(change, wanted->order_id, &after);
  struct stock_items now = reservation_held(arena, &after), needs = stock_items_difference(arena, &held, &now);
  transaction_add_scored(&change->transaction, stock_attempts_key(change->stock, arena),
                         stock_attempt_member(arena, wanted->order_id, wanted->attempt_id), wanted->expire_log_time);
  const struct event_origin origin = {.attempt_id = wanted->attempt_id, .traceparent = reserving->context->traceparent};
  return stock_change_move(change, &needs, &origin, NULL);
}

coroutine_fn struct status stock_reserve(struct stock *stock, struct context *context,
                                         const struct stock_reservation *reservation, struct position *ret_position) {
  struct reserving reserving = {
      .wanted = reservation,
      .items = stock_items_of(context->arena, reservation->product_ids, reservation->product_count),
      .context = context,
      .presumes = reservation->order_is_new};
  struct stock_changed changed;
  struct status status = stock_change_run(stock, context, decide_to_reserve, &reserving, &changed);
  if (!status_is_ok(status)) return status;
  if (changed.refused_by == reserving.in_time) return reservation_expired(stock, context, ret_position);
  if (!status_is_ok(reserving.answer)) return reserving.answer;
  return tell_position(stock, context, &changed, ret_position);
}

/* ---- releasing -------------------------------------------------------------------------------------------------- */

struct releasing {
  const char *order_id, *attempt_id;
  const char *traceparent;
};

static struct status decide_to_release(struct stock_change *change, void *subject) {
  const struct releasing *releasing = subject;
  struct arena *arena = change->arena;
  change->transaction.frees = true;
  const struct reservation *before = stock_change_reservation(change, releasing->order_id);
  if (!before) return status_ok();
  struct stock_items held = reservation_held(arena, before);
  struct reservation after = *before;
  if (!reservation_close(&after, releasing->attempt_id)) return status_ok();
  stock_change_reserve(change, releasing->order_id, &after);
  struct stock_items now = reservation_held(arena, &after), needs = stock_items_difference(arena, &held, &now);
  transaction_remove_scored(&change->transaction, stock_attempts_key(change->stock, arena),
                            stock_attempt_member(arena, releasing->order_id, releasing->attempt_id));
  return stock_change_move(change, &needs, &(struct event_origin){.traceparent = releasing->traceparent}, NULL);
}

coroutine_fn struct status stock_release(struct stock *stock, struct context *context, const char *order_id,
                                         const char *attempt_id, struct position *ret_position) {
  struct releasing releasing = {order_id, attempt_id, context->traceparent};
  struct stock_changed changed;
  struct status status = stock_change_run(stock, context, decide_to_release, &releasing, &changed);
  return status_is_ok(status) ? tell_position(stock, context, &changed, ret_position) : status;
}

/* ---- adjusting -------------------------------------------------------------------------------------------------- */

static const int64_t AMOUNT_MAX = 1000000000;

struct adjusting {
  const struct stock_adjustment *adjustment;
  const struct request_record *record;
  struct context *context;
  struct stock_adjusted adjusted;
  int unused; /* the guard of a refusal: nobody has used the request id */
};

/* Returns false where it is refused. What orders gave back may have lifted the amount above the maximum: from there it
 * may only go down. */
static bool adjust_amount(const struct stock_adjustment *adjustment, int64_t *amount) {
  int64_t adjusted = adjustment->change == STOCK_KEEP  ? *amount
                     : adjustment->change == STOCK_ADD ? *amount + adjustment->number
                                                       : adjustment->number;
  if (adjusted < 0 || (adjusted > AMOUNT_MAX && adjusted > *amount)) return false;
  *amount = adjusted;
  return true;
}

static struct status refuse(struct stock_change *change, struct adjusting *adjusting, enum stock_outcome outcome,
                            int64_t actual) {
  adjusting->adjusted.outcome = outcome;
  adjusting->adjusted.actual = actual;
  const char *record = adjusting->record->key;
  if (record) adjusting->unused = transaction_require_absent(&change->transaction, record);
  return status_ok();
}

static void keep_answer(struct adjusting *adjusting, const Ordershop__V1__Inventory *inventory) {
  struct stock_adjusted *adjusted = &adjusting->adjusted;
  adjusted->inventory = message_pack(adjusting->context->arena, inventory, &adjusted->inventory_size);
}

static struct status decide_to_adjust(struct stock_change *change, void *subject) {
  struct adjusting *adjusting = subject;
  const struct stock_adjustment *adjustment = adjusting->adjustment;
  adjusting->adjusted = (struct stock_adjusted){.outcome = STOCK_DONE};
  adjusting->unused = 0;
  const Ordershop__V1__Inventory *inventory;
  bool known;
  struct status status = stock_change_inventory(change, adjustment->inventory_id, &known, &inventory);
  if (!status_is_ok(status) || !known) return status;
  if (!inventory) return refuse(change, adjusting, STOCK_MISSING, 0);
  if (adjustment->version != 0 && adjustment->version != inventory->version) {
    return refuse(change, adjusting, STOCK_OTHER_VERSION, inventory->version);
  }
  int64_t amount = inventory->amount;
  if (!adjust_amount(adjustment, &amount)) return refuse(change, adjusting, STOCK_OUT_OF_RANGE, amount);

  bool changes = amount != inventory->amount;
  if (changes) {
    const struct event_origin origin = {.traceparent = adjusting->context->traceparent};
    stock_change_amounts(change, adjustment->inventory_id, amount, inventory->reserved_amount, &origin);
  }
  request_record_add(adjusting->record, &change->transaction, changes ? NULL : inventory);
  keep_answer(adjusting, inventory);
  return status_ok();
}

/* For a refusal that found the request's record: the request was made before. *ret_found is false if the record has
 * expired in the meantime. */
static coroutine_fn struct status read_record(struct stock *stock, struct context *context, const char *key,
                                              struct stock_adjusted *ret_adjusted, bool *ret_found) {
  struct redis_arguments get = redis_command_of(context->arena, "GET", key, NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(stock->store->commands, context, &get, &reply);
  if (!status_is_ok(status)) return status;
  *ret_found = reply->type == REDIS_TEXT;
  *ret_adjusted = (struct stock_adjusted){.outcome = STOCK_REPLAYED, .record = reply->text, .record_size = reply->size};
  return status_ok();
}

coroutine_fn struct status stock_adjust(struct stock *stock, struct context *context,
                                        const struct stock_adjustment *adjustment, const struct request_record *record,
                                        struct stock_adjusted *ret_adjusted) {
  struct adjusting adjusting = {.adjustment = adjustment, .record = record, .context = context};
  struct stock_changed changed;
  bool decided = true;
  do {
    struct status status = stock_change_run(stock, context, decide_to_adjust, &adjusting, &changed);
    if (!status_is_ok(status)) return status;
    if (changed.refused_by == 0) break;
    status = read_record(stock, context, record->key, &adjusting.adjusted, &decided);
    if (!status_is_ok(status)) return status;
  } while (!decided);
  if (changed.replayed) {
    adjusting.adjusted = (struct stock_adjusted){
        .outcome = STOCK_REPLAYED, .record = changed.record, .record_size = changed.record_size};
  }
  *ret_adjusted = adjusting.adjusted;
  if (ret_adjusted->outcome != STOCK_DONE) return status_ok();
  return tell_position(stock, context, &changed, &ret_adjusted->position);
}
