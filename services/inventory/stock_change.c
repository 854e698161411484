/* SPDX-License-Identifier: Apache-2.0 */
#include "stock_change.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/key_table.h"
#include "base/message.h"
#include "consumer/consumer.h"
#include "inventory_id.h"

/* A key, or a field of a hash, that a change was decided on. */
struct stock_thing {
  struct stock_thing *next; /* in the order in which they were asked for */
  const char *key, *field;  /* field: NULL for a key */
  struct newest_use *use;
  /* of one run of the decision */
  bool asked, known, changed;
  struct newest_state found, made;
  struct reservation *reservation;
  Ordershop__V1__Inventory *inventory;
};

static const char entity_field[] = "_entity";

enum { INSIST_US = 200000 }; /* so long a change is refused in its turn before others are to wait */

const char *stock_attempts_key(const struct stock *stock, struct arena *arena) {
  return redis_key(stock->store->commands, arena, "inventory_attempts");
}

const char *stock_attempt_member(struct arena *arena, const char *order_id, const char *attempt_id) {
  return arena_printf(arena, "%s %s", order_id, attempt_id);
}

/* ---- what it is decided on -------------------------------------------------------------------------------------- */

static struct stock_thing *add_thing(struct stock_change *change, const char *key, const char *field,
                                     const char *name) {
  struct stock_thing *thing = arena_calloc(change->arena, 1, sizeof *thing);
  *thing = (struct stock_thing){.key = key, .field = field, .use = newest_use(change->newest, name)};
  *change->last = thing;
  change->last = &thing->next;
  return thing;
}

/* Returns NULL if it is not known yet. */
static struct stock_thing *ask(struct stock_change *change, struct stock_thing *thing) {
  if (!thing->asked) {
    thing->asked = true;
    thing->known = newest_find(thing->use, &thing->found);
    if (thing->known && thing->found.bytes) {
      thing->found.bytes = arena_memdup(change->arena, thing->found.bytes, thing->found.size);
    }
    thing->made = thing->found;
  }
  if (!thing->known) change->lacks = true;
  return thing->known ? thing : NULL;
}

static void make(struct stock_thing *thing, const void *bytes, size_t size) {
  thing->made = (struct newest_state){bytes, size};
  thing->changed = true;
}

static struct stock_thing *reservation_thing(struct stock_change *change, const char *order_id) {
  void **place = key_table_at(change->reservations, order_id);
  if (!*place) {
    const char *key = redis_key(change->stock->store->commands, change->arena, "inventory_reservation:%s", order_id);
    *place = add_thing(change, key, NULL, key);
  }
  return *place;
}

static struct stock_thing *find_reservation(struct stock_change *change, const char *order_id) {
  return ask(change, reservation_thing(change, order_id));
}

void stock_change_presume_no_reservation(struct stock_change *change, const char *order_id) {
  struct newest_use *use = reservation_thing(change, order_id)->use;
  struct newest_state state;
  if (!newest_find(use, &state)) newest_take(use, (struct newest_state){0});
}

const struct reservation *stock_change_reservation(struct stock_change *change, const char *order_id) {
  struct stock_thing *thing = find_reservation(change, order_id);
  if (!thing) return NULL;
  if (!thing->reservation) {
    thing->reservation = arena_alloc(change->arena, sizeof *thing->reservation);
    *thing->reservation = reservation_read(change->arena, thing->found.bytes, thing->found.size);
  }
  return thing->reservation;
}

void stock_change_reserve(struct stock_change *change, const char *order_id, const struct reservation *reservation) {
  struct stock_thing *thing = find_reservation(change, order_id);
  const char *text = reservation_text(change->arena, reservation);
  make(thing, text, text ? strlen(text) : 0);
  thing->reservation = arena_alloc(change->arena, sizeof *reservation);
  *thing->reservation = *reservation;
}

static struct stock_thing *find_position(struct stock_change *change, const char *stream) {
  void **place = key_table_at(change->positions, stream);
  if (!*place) {
    const char *key = consumer_position_key(change->stock->store, change->arena);
    *place = add_thing(change, key, stream, arena_printf(change->arena, "%s %s", key, stream));
  }
  return ask(change, *place);
}

const char *stock_change_position(struct stock_change *change, const char *stream) {
  const struct stock_thing *thing = find_position(change, stream);
  return thing ? thing->made.bytes : NULL;
}

void stock_change_set_position(struct stock_change *change, const char *stream, const char *entry_id) {
  make(find_position(change, stream), entry_id, strlen(entry_id));
}

/* ---- inventories ------------------------------------------------------------------------------------------------ */

const char *stock_change_inventory_id(struct stock_change *change, const char *product_id) {
  void **place = key_table_at(change->inventory_ids, product_id);
  if (!*place) *place = (char *)inventory_id(change->arena, product_id);
  return *place;
}

static struct stock_thing *find_inventory(struct stock_change *change, const char *inventory_id) {
  void **place = key_table_at(change->inventories, inventory_id);
  if (!*place) {
    const char *key = redis_key(change->stock->store->commands, change->arena, "inventory_entity:%s", inventory_id);
    *place = add_thing(change, key, entity_field, key);
  }
  return ask(change, *place);
}

struct status stock_change_inventory(struct stock_change *change, const char *inventory_id, bool *ret_known,
                                     const Ordershop__V1__Inventory **ret_inventory) {
  struct arena *arena = change->arena;
  struct stock_thing *thing = find_inventory(change, inventory_id);
  *ret_known = thing != NULL;
  *ret_inventory = NULL;
  if (!thing || !thing->found.bytes) return status_ok();
  if (!thing->inventory) {
    thing->inventory =
        message_unpack(arena, &ordershop__v1__inventory__descriptor, thing->found.bytes, thing->found.size);
  }
  *ret_inventory = thing->inventory;
  if (thing->inventory) return status_ok();
  return status_error(arena, STATUS_DATA_LOSS, reason_entity_undecodable,
                      "what is stored of inventory %s can't be decoded", inventory_id);
}

void stock_change_amounts(struct stock_change *change, const char *inventory_id, int64_t amount,
                          int64_t reserved_amount, const struct event_origin *origin) {
  struct arena *arena = change->arena;
  struct stock_thing *thing = find_inventory(change, inventory_id);
  Ordershop__V1__Inventory *inventory = thing->inventory;
  inventory->amount = amount;
  inventory->reserved_amount = reserved_amount;
  inventory->version++;
  message_set_time(arena, inventory, "update_time", event_store_now(change->stock->store));
  size_t size;
  const void *bytes = message_pack(arena, inventory, &size);
  make(thing, bytes, size);
  event_append(&change->transaction, "inventory_updated", bytes, size, origin, NULL);
}

struct status stock_change_move(struct stock_change *change, const struct stock_items *needs,
                                const struct event_origin *origin, struct stock_items *ret_short) {
  struct arena *arena = change->arena;
  struct stock_items missing = {.items = arena_calloc(arena, needs->count, sizeof *missing.items)};
  for (size_t i = 0; i < needs->count; i++) {
    const char *id = stock_change_inventory_id(change, needs->items[i].product_id);
    int64_t need = needs->items[i].quantity, moved = 0;
    const Ordershop__V1__Inventory *inventory;
    bool known;
    struct status status = stock_change_inventory(change, id, &known, &inventory);
    if (!status_is_ok(status)) return status;
    if (inventory) {
      /* One that was made anew owes nothing to those who took from the old one. */
      moved = need > inventory->amount ? inventory->amount : need;
      if (moved < -inventory->reserved_amount) moved = -inventory->reserved_amount;
      if (moved != 0) {
        stock_change_amounts(change, id, inventory->amount - moved, inventory->reserved_amount + moved, origin);
      }
    }
    if (known && moved < need) {
      missing.items[missing.count++] = (struct stock_item){needs->items[i].product_id, need - moved};
    }
  }
  if (ret_short) *ret_short = missing;
  return status_ok();
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* The first, from `thing` on, that is not known. */
static struct stock_thing *next_unknown(struct stock_thing *thing) {
  while (thing && (!thing->asked || thing->known)) thing = thing->next;
  return thing;
}

static struct redis_pending *send_read(const struct stock_change *change, struct context *context,
                                       const struct stock_thing *thing) {
  struct redis_arguments get =
      redis_command_of(change->arena, thing->field ? "HGET" : "GET", thing->key, thing->field, NULL);
  return redis_send(change->stock->store->commands, context, &get);
}

/* A key that holds another kind of value is as bad as an entity that can't be decoded, for the order or the product
 * that it is about. The key of the positions is about all of them. */
static struct status read_fault(const struct stock_change *change, const struct stock_thing *thing,
                                struct status status) {
  bool is_position = thing->field && thing->field != entity_field;
  if (is_position || !status_is(status, reason_redis_wrongtype)) return status;
  return status_error(change->arena, STATUS_DATA_LOSS, reason_entity_undecodable,
                      "the key %s can't be decoded, since it holds another kind of value", thing->key);
}

static void take(const struct stock_thing *thing, const struct redis_reply *reply) {
  newest_take(thing->use, (struct newest_state){redis_reply_text(reply), reply->size});
}

/* Reads what is not known yet, in one trip. What was read is not taken if another process goes first. */
static coroutine_fn struct status read_things(struct stock_change *change, struct context *context) {
  struct stock_precedence *precedence = change->stock->precedence;
  stock_precedence_wait(precedence, context);
  size_t things = 0, at = 0;
  for (struct stock_thing *t = next_unknown(change->first); t; t = next_unknown(t->next)) things++;
  struct redis_pending **pending = arena_calloc(change->arena, things, sizeof *pending);
  struct redis_pending *asked = stock_precedence_ask(precedence, context, change->insists);
  for (struct stock_thing *t = next_unknown(change->first); t; t = next_unknown(t->next)) {
    pending[at++] = send_read(change, context, t);
  }
  stock_precedence_hear(precedence, asked);
  struct status result = status_ok();
  at = 0;
  for (struct stock_thing *t = next_unknown(change->first); t; t = next_unknown(t->next)) {
    const struct redis_reply *reply;
    struct status status = redis_receive(pending[at++], &reply);
    if (!status_is_ok(status) && status_is_ok(result)) result = read_fault(change, t, status);
    if (status_is_ok(status) && !stock_precedence_gives_way(precedence)) take(t, reply);
  }
  return result;
}

/* ---- deciding and committing ------------------------------------------------------------------------------------ */

static void begin_run(struct stock_change *change) {
  change->transaction = transaction_of(change->stock->store, change->arena);
  change->lacks = false;
  for (struct stock_thing *t = change->first; t; t = t->next) {
    t->asked = t->changed = false;
    t->reservation = NULL;
    t->inventory = NULL;
  }
}

/* Runs the decision until it lacks nothing. *ret_again: others try to change again what it asks for, and go first. */
static coroutine_fn struct status decide_fully(struct stock_change *change, struct context *context,
                                               stock_decision *decide, void *subject, bool *ret_again) {
  while (true) {
    begin_run(change);
    struct status status = decide(change, subject);
    *ret_again = status_is_ok(status) && !newest_may_send(change->newest);
    if (!status_is_ok(status) || *ret_again) return status;
    if (!change->lacks && !stock_precedence_gives_way(change->stock->precedence)) return status;
    status = read_things(change, context);
    if (!status_is_ok(status)) return status;
  }
}

static void put_inventory(struct stock_change *change, const struct stock_thing *thing) {
  static const char *const names[] = {"amount", "reserved_amount", "version", "update_time"};
  struct redis_arguments fields = redis_arguments_empty(change->arena);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const ProtobufCFieldDescriptor *field = message_field(thing->inventory->base.descriptor, names[i]);
    redis_add_text(&fields, names[i]);
    redis_add_text(&fields, message_field_text(change->arena, thing->inventory, field));
  }
  redis_add_text(&fields, entity_field);
  redis_add_bytes(&fields, thing->made.bytes, thing->made.size);
  transaction_set_fields(&change->transaction, thing->key, &fields);
}

static void put_thing(struct stock_change *change, const struct stock_thing *thing) {
  struct transaction *transaction = &change->transaction;
  if (thing->inventory) {
    put_inventory(change, thing);
  } else if (thing->field) {
    transaction_set_field(transaction, thing->key, thing->field, thing->made.bytes, thing->made.size);
  } else if (thing->made.bytes) {
    transaction_set_value(transaction, thing->key, thing->made.bytes);
  } else {
    transaction_delete(transaction, thing->key);
  }
}

/* Adds what is required of all things, and each thing once, however often it was changed. Returns the number of the
 * first such guard. */
static int put_things(struct stock_change *change) {
  struct transaction *transaction = &change->transaction;
  int first = 0;
  for (const struct stock_thing *t = change->first; t; t = t->next) {
    if (!t->asked) continue;
    int guard = t->field
                    ? transaction_require_field_unchanged(transaction, t->key, t->field, t->found.bytes, t->found.size)
                    : transaction_require_unchanged(transaction, t->key, t->found.bytes, t->found.size);
    if (first == 0) first = guard;
    if (!t->changed) continue;
    put_thing(change, t);
    newest_change(t->use, t->made);
  }
  return first;
}

static struct stock_changed changed_of(struct arena *arena, const struct transaction_result *result) {
  struct stock_changed changed = {.position = result->position};
  if (result->outcome == TRANSACTION_REFUSED) changed.refused_by = result->refused_by;
  if (result->outcome == TRANSACTION_REPLAYED) {
    changed.replayed = true;
    changed.record = arena_memdup(arena, result->record, result->record_size);
    changed.record_size = result->record_size;
  }
  return changed;
}

/* What it tells is put into `arena`. *ret_again: something was not as it was found. What was kept may even be of
 * another kind by now, which reading it tells better. */
static coroutine_fn struct status commit(struct stock_change *change, struct context *context,
                                         struct stock_changed *ret_changed, struct arena *arena, bool *ret_again) {
  struct stock_precedence *precedence = change->stock->precedence;
  struct transaction_result result;
  int first = put_things(change);
  bool kept = newest_has_kept(change->newest);
  newest_send(change->newest);
  struct redis_pending *asked = stock_precedence_ask(precedence, context, false);
  struct status status = transaction_run(&change->transaction, context, &result);
  stock_precedence_hear(precedence, asked);
  bool refused = status_is_ok(status) && result.outcome == TRANSACTION_REFUSED;
  *ret_again =
      (refused && first > 0 && result.refused_by >= first) || (kept && status_is(status, reason_redis_wrongtype));
  bool done = status_is_ok(status) && result.outcome == TRANSACTION_DONE;
  newest_answered(change->newest, done ? NEWEST_DONE : *ret_again ? NEWEST_REFUSED : NEWEST_GIVEN_UP);
  if (status_is_ok(status)) *ret_changed = changed_of(arena, &result);
  return *ret_again ? status_ok() : status;
}

/* One try, whose memory goes with it. */
static coroutine_fn struct status try_change(struct newest_command *newest, bool insists, struct stock *stock,
                                             struct context *context, stock_decision *decide, void *subject,
                                             struct stock_changed *ret_changed, bool *ret_again) {
  struct context own = *context;
  own.arena = arena_new();
  struct stock_change change = {.stock = stock,
                                .arena = own.arena,
                                .newest = newest,
                                .insists = insists,
                                .reservations = key_table_new(own.arena),
                                .inventories = key_table_new(own.arena),
                                .positions = key_table_new(own.arena),
                                .inventory_ids = key_table_new(own.arena)};
  change.last = &change.first;
  struct status status = decide_fully(&change, &own, decide, subject, ret_again);
  if (status_is_ok(status) && !*ret_again) status = commit(&change, &own, ret_changed, context->arena, ret_again);
  context->redis_era = own.redis_era;
  status = status_copy(status, context->arena);
  arena_free(own.arena);
  return status;
}

static struct status too_late(struct arena *arena, const struct newest_command *newest) {
  if (newest_is_contended(newest)) {
    return status_error(arena, STATUS_DEADLINE_EXCEEDED, reason_contended,
                        "the stock was being changed by others until the deadline");
  }
  return status_error(arena, STATUS_DEADLINE_EXCEEDED, reason_deadline_exceeded,
                      "the changes of stock before this one were not over by the deadline; nothing was done");
}

coroutine_fn struct status stock_change_run(struct stock *stock, struct context *context, stock_decision *decide,
                                            void *subject, struct stock_changed *ret_changed) {
  struct newest_command newest = newest_command_of(stock->newest, context->deadline_us);
  struct status status;
  int64_t turn_us = 0; /* since when it has had its turn */
  bool again = false, insists = false;
  do {
    bool in_time = newest_begin(&newest);
    if (newest.in_line && turn_us == 0) turn_us = clock_monotonic_us();
    insists = insists || (newest.in_line && clock_monotonic_us() - turn_us >= INSIST_US);
    status = in_time ? try_change(&newest, insists, stock, context, decide, subject, ret_changed, &again)
                     : too_late(context->arena, &newest);
  } while (status_is_ok(status) && again);
  newest_end(&newest);
  if (insists) stock_precedence_end(stock->precedence, context);
  return status;
}
