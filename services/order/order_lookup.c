/* SPDX-License-Identifier: Apache-2.0 */
#include "order_lookup.h"

#include <ordershop/v1/customer.pb-c.h>

#include "order_events.h"
#include "order_service.h"

void order_lookup_send(struct order_lookup *lookup, struct rpc_call *call, const char *customer_id,
                       const struct product_list *list) {
  struct event_store *store = service_of(call)->store;
  *lookup = (struct order_lookup){.call = call, .customer_id = customer_id, .list = *list};
  lookup->products = arena_calloc(call->context.arena, list->count, sizeof *lookup->products);
  lookup->customer_question =
      view_ask(store, &call->context, &order_customers, &lookup->customer_id, customer_id ? 1 : 0);
  lookup->product_question = view_ask(store, &call->context, &order_products, lookup->list.ids, list->count);
}

coroutine_fn struct status order_lookup_receive(struct order_lookup *lookup) {
  struct status customer = view_answer(&lookup->customer_question, &lookup->customer);
  struct status products = view_answer(&lookup->product_question, (void **)lookup->products);
  return status_is_ok(customer) ? products : customer;
}

static coroutine_fn struct status ask_for_customer(const struct order_lookup *lookup) {
  if (!lookup->customer_id || lookup->customer) return status_ok();
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  request.id = (char *)lookup->customer_id;
  struct context *context = &lookup->call->context;
  struct status status = service_call(service_of(lookup->call), GET_CUSTOMER, context, &request).status;
  return status_with_step(status, context->arena, "looking up the customer");
}

static coroutine_fn struct status ask_for_products(struct order_lookup *lookup) {
  struct rpc_call *call = lookup->call;
  Ordershop__V1__BatchGetProductsRequest request = ORDERSHOP__V1__BATCH_GET_PRODUCTS_REQUEST__INIT;
  request.ids = arena_calloc(call->context.arena, lookup->list.count, sizeof *request.ids);
  for (size_t i = 0; i < lookup->list.count; i++) {
    if (!lookup->products[i]) request.ids[request.n_ids++] = (char *)lookup->list.ids[i];
  }
  if (request.n_ids == 0) return status_ok();

  struct rpc_reply reply = service_call(service_of(call), BATCH_GET_PRODUCTS, &call->context, &request);
  if (!status_is_ok(reply.status)) {
    return status_with_step(reply.status, call->context.arena, "looking up the products");
  }
  const Ordershop__V1__BatchGetProductsResponse *response = reply.message;
  for (size_t i = 0, next = 0; i < lookup->list.count && next < response->n_products; i++) {
    if (!lookup->products[i]) lookup->products[i] = response->products[next++]; /* in the order of the ids */
  }
  return status_ok();
}

coroutine_fn struct status order_lookup_complete(struct order_lookup *lookup) {
  struct status status = ask_for_customer(lookup);
  return status_is_ok(status) ? ask_for_products(lookup) : status;
}
