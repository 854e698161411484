/* SPDX-License-Identifier: Apache-2.0 */
#include "order_items.h"

#include <stdlib.h>
#include <string.h>

#include "base/message.h"

/* A product id and where it comes in the order, to find equal ones by sorting. */
struct place {
  const char *id;
  size_t index;
};

static int by_id_then_index(const void *left, const void *right) {
  const struct place *a = left, *b = right;
  int order = strcmp(a->id, b->id);
  if (order) return order;
  return a->index < b->index ? -1 : 1;
}

static int by_index(const void *left, const void *right) {
  const struct place *a = left, *b = right;
  return a->index < b->index ? -1 : 1;
}

struct product_list distinct_products(struct arena *arena, char *const *product_ids, size_t count) {
  struct place *places = arena_calloc(arena, count, sizeof *places);
  for (size_t i = 0; i < count; i++) places[i] = (struct place){product_ids[i], i};
  qsort(places, count, sizeof *places, by_id_then_index);
  size_t distinct = 0;
  for (size_t i = 0; i < count; i++) {
    if (i == 0 || strcmp(places[i].id, places[distinct - 1].id) != 0) places[distinct++] = places[i];
  }
  qsort(places, distinct, sizeof *places, by_index);
  struct product_list list = {.ids = arena_calloc(arena, distinct, sizeof *list.ids), .count = distinct};
  for (size_t i = 0; i < distinct; i++) list.ids[i] = places[i].id;
  return list;
}

const Ordershop__V1__OrderItem *order_item_of(const Ordershop__V1__Order *order, const char *product_id) {
  for (size_t i = 0; order && i < order->n_items; i++) {
    if (strcmp(order->items[i]->product_id, product_id) == 0) return order->items[i];
  }
  return NULL;
}

static const Ordershop__V1__Product *product_of(Ordershop__V1__Product *const *products, size_t count, const char *id) {
  for (size_t i = 0; i < count; i++) {
    if (products[i] && strcmp(products[i]->id, id) == 0) return products[i];
  }
  return NULL;
}

static Ordershop__V1__OrderItem *item_of(struct arena *arena, const char *product_id,
                                         const Ordershop__V1__Order *before, Ordershop__V1__Product *const *products,
                                         size_t product_count) {
  const Ordershop__V1__OrderItem *kept = order_item_of(before, product_id);
  if (kept) return message_share(arena, kept);
  const Ordershop__V1__Product *product = product_of(products, product_count, product_id);
  Ordershop__V1__OrderItem *item = message_new(arena, &ordershop__v1__order_item__descriptor);
  message_set_text(item, "product_id", product_id);
  item->product_name = product->name;
  item->unit_price_cents = product->price_cents;
  return item;
}

static int64_t quantity_of(const Ordershop__V1__Order *order, const char *product_id) {
  int64_t quantity = 0;
  for (size_t i = 0; i < order->n_product_ids; i++) quantity += strcmp(order->product_ids[i], product_id) == 0;
  return quantity;
}

void order_price(struct arena *arena, Ordershop__V1__Order *order, const Ordershop__V1__Order *before,
                 Ordershop__V1__Product *const *products, size_t product_count) {
  struct product_list list = distinct_products(arena, order->product_ids, order->n_product_ids);
  order->items = arena_calloc(arena, list.count, sizeof(void *));
  order->n_items = list.count;
  order->total_cents = 0;
  for (size_t i = 0; i < list.count; i++) {
    Ordershop__V1__OrderItem *item = item_of(arena, list.ids[i], before, products, product_count);
    item->quantity = quantity_of(order, list.ids[i]);
    order->items[i] = item;
    order->total_cents += item->unit_price_cents * item->quantity;
  }
}
