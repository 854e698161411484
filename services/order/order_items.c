/* SPDX-License-Identifier: Apache-2.0 */
#include "order_items.h"

#include <string.h>

#include "base/duplicates.h"
#include "base/message.h"

struct product_list distinct_products(struct arena *arena, char *const *product_ids, size_t count) {
  const size_t *firsts = duplicates_find(arena, (const char *const *)product_ids, count);
  struct product_list list = {.ids = arena_calloc(arena, count, sizeof *list.ids)};
  for (size_t i = 0; i < count; i++) {
    if (firsts[i] == i) list.ids[list.count++] = product_ids[i];
  }
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
