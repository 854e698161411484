/* SPDX-License-Identifier: Apache-2.0 */
#include "client/load/load.h"
#include "client/position_memory.h"

enum { IN_FLIGHT = 8, DEADLINE_MS = 30000, INVENTORY_PRODUCT_FIELD = 2 };

struct preparation {
  struct arena *arena;
  const struct load_target *target;
  const struct load_options *options;
  struct load_shop *shop;
  struct load_ids *into; /* where ids of what is made go */
  enum load_kind kind;   /* of these */
  struct position_memory position;
};

/* A product becomes one that can be ordered with its stock, unless that is one to be used up. */
static void take_reply(void *argument, const struct load_command *command, const struct call *call) {
  struct preparation *preparation = argument;
  const char *id = load_reply_id(call, 1);
  position_memory_advance(&preparation->position, call->position);
  if (!id || !preparation->into || command->makes != (int)preparation->kind) return;
  load_ids_add(preparation->into, id, call->position);
  bool stocks = preparation->into == &preparation->shop->any[LOAD_INVENTORY];
  const char *product = stocks ? load_reply_id(call, INVENTORY_PRODUCT_FIELD) : NULL;
  if (product) load_ids_add(&preparation->shop->any[LOAD_PRODUCT], product, call->position);
}

/* Each answer must have seen what was answered before, so that services know what was made at others. */
static struct status run(struct preparation *preparation, const struct load_mix *mix, int64_t calls, bool each_once) {
  const struct load_options options = {.mix = mix,
                                       .in_flight = IN_FLIGHT,
                                       .calls = calls,
                                       .each_once = each_once,
                                       .deadline_ms = DEADLINE_MS,
                                       .connections = preparation->options->connections,
                                       .products = preparation->options->products,
                                       .retry = true,
                                       .after = position_memory_read(&preparation->position, preparation->arena),
                                       .take_reply = take_reply,
                                       .argument = preparation};
  struct load_tally *tally = arena_alloc(preparation->arena, sizeof(*tally));
  struct status status = load_run(preparation->arena, preparation->target, &options, preparation->shop, tally);
  return status_is_ok(status) ? tally->first_failure : status;
}

static struct status make(struct preparation *preparation, enum load_kind kind, struct load_ids *into) {
  const struct load_mix mix = {.count = 1, .shares = {{load_command_maker(kind), 1}}, .total = 1};
  preparation->into = into;
  preparation->kind = kind;
  struct status status = run(preparation, &mix, preparation->options->prepared, false);
  preparation->into = NULL;
  return status;
}

/* Finds what must be there before a command can be called: what it names any of, and what is needed to make that, and
 * to make what it uses up. */
static void require(const struct load_command *command, bool any[LOAD_KINDS]) {
  for (const struct load_field *field = command->fields; field->path; field++) {
    bool is_any = field->source == SOURCE_ANY;
    if (!is_any && field->source != SOURCE_OWN) continue;
    if (is_any && any[field->kind]) continue;
    if (is_any) any[field->kind] = true;
    require(load_command_maker(field->kind), any);
  }
}

static struct status make_products(struct preparation *preparation) {
  struct load_shop *shop = preparation->shop;
  struct status status = make(preparation, LOAD_PRODUCT, &shop->own[LOAD_PRODUCT]);
  return status_is_ok(status) ? make(preparation, LOAD_INVENTORY, &shop->any[LOAD_INVENTORY]) : status;
}

static struct status make_billings(struct preparation *preparation) {
  struct load_shop *shop = preparation->shop;
  struct status status = make(preparation, LOAD_ORDER, &shop->own[LOAD_ORDER]);
  return status_is_ok(status) ? make(preparation, LOAD_BILLING, &shop->any[LOAD_BILLING]) : status;
}

/* What the mix uses up: some is there from the beginning, since a batch takes several. Billings before orders, and
 * inventories before products, since making the first uses up the second. */
static struct status make_own(struct preparation *preparation) {
  const struct load_mix *mix = preparation->options->mix;
  struct status status = status_ok();
  for (int kind = LOAD_KINDS - 1; kind >= 0 && status_is_ok(status); kind--) {
    bool needed = false;
    for (size_t i = 0; i < mix->count; i++) {
      needed = needed || load_command_needs(mix->shares[i].command, SOURCE_OWN, (enum load_kind)kind);
    }
    if (needed) status = make(preparation, (enum load_kind)kind, &preparation->shop->own[kind]);
  }
  return status;
}

static struct status make_all(struct preparation *preparation) {
  const struct load_mix *mix = preparation->options->mix;
  struct load_ids *any = preparation->shop->any;
  bool needed[LOAD_KINDS] = {false};
  for (size_t i = 0; i < mix->count; i++) require(mix->shares[i].command, needed);
  for (int kind = 0; kind < LOAD_KINDS; kind++) needed[kind] = needed[kind] && any[kind].count == 0;
  struct status status = status_ok();
  if (needed[LOAD_CUSTOMER]) status = make(preparation, LOAD_CUSTOMER, &any[LOAD_CUSTOMER]);
  bool products = needed[LOAD_PRODUCT] || needed[LOAD_INVENTORY];
  if (status_is_ok(status) && products) status = make_products(preparation);
  if (status_is_ok(status) && needed[LOAD_ORDER]) status = make(preparation, LOAD_ORDER, &any[LOAD_ORDER]);
  if (status_is_ok(status) && needed[LOAD_BILLING]) status = make_billings(preparation);
  if (status_is_ok(status) && needed[LOAD_MAIL]) status = make(preparation, LOAD_MAIL, &any[LOAD_MAIL]);
  return status_is_ok(status) ? make_own(preparation) : status;
}

struct status load_prepare(struct arena *arena, const struct load_target *target, const struct load_options *options,
                           struct load_shop *shop) {
  struct preparation preparation = {.arena = arena, .target = target, .options = options, .shop = shop};
  position_memory_init(&preparation.position);
  struct status status = make_all(&preparation);
  if (status_is_ok(status)) status = run(&preparation, options->mix, 0, true);
  position_memory_destroy(&preparation.position);
  return status;
}
