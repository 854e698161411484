#include "order_lookup.h"

#include <ordershop/v1/customer.pb-c.h>

struct status order_lookup_customer(struct rpc_call *call, const char *customer_id) {
  void *customer;
  struct status status = view_read(service_of(call)->store, &call->context, &order_customers, customer_id, &customer);
  if (!status_is_ok(status) || customer) return status;

  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  request.id = (char *)customer_id;
  struct rpc_reply reply = {.context = &call->context};
  ordershop__v1__customer_service__get_customer(order_service_of(call)->customers, &request,
                                                (Ordershop__V1__Customer_Closure)rpc_reply_closure, &reply);
  return reply.status;
}

/* Asks the product service for those that the view does not have. */
static struct status ask_for_products(struct rpc_call *call, const struct product_list *list,
                                      Ordershop__V1__Product **products) {
  Ordershop__V1__BatchGetProductsRequest request = ORDERSHOP__V1__BATCH_GET_PRODUCTS_REQUEST__INIT;
  request.ids = arena_calloc(call->context.arena, list->count, sizeof *request.ids);
  for (size_t i = 0; i < list->count; i++) {
    if (!products[i]) request.ids[request.n_ids++] = (char *)list->ids[i];
  }
  if (request.n_ids == 0) return status_ok();

  struct rpc_reply reply = {.context = &call->context};
  ordershop__v1__product_service__batch_get_products(order_service_of(call)->products, &request,
                                                     (Ordershop__V1__BatchGetProductsResponse_Closure)rpc_reply_closure,
                                                     &reply);
  if (!status_is_ok(reply.status)) return reply.status;
  const Ordershop__V1__BatchGetProductsResponse *response = reply.message;
  for (size_t i = 0, next = 0; i < list->count && next < response->n_products; i++) {
    if (!products[i]) products[i] = response->products[next++]; /* in the order of the ids */
  }
  return status_ok();
}

struct status order_lookup_products(struct rpc_call *call, const struct product_list *list,
                                    Ordershop__V1__Product **ret_products) {
  if (list->count == 0) return status_ok();
  struct status status = view_read_many(service_of(call)->store, &call->context, &order_products, list->ids,
                                        list->count, (void **)ret_products);
  if (!status_is_ok(status)) return status;
  return ask_for_products(call, list, ret_products);
}
