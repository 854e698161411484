/* SPDX-License-Identifier: Apache-2.0 */
#include "client/order_client.h"

struct status ordershop_create_order(struct ordershop_client *client, const struct context *context,
                                     const Ordershop__V1__CreateOrderRequest *request,
                                     const Ordershop__V1__Order **ret_order) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_ORDER, "CreateOrder", request);
  if (status_is_ok(answer.status)) *ret_order = answer.message;
  return answer.status;
}

struct status ordershop_get_order(struct ordershop_client *client, const struct context *context,
                                  const Ordershop__V1__GetOrderRequest *request,
                                  const Ordershop__V1__Order **ret_order) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_ORDER, "GetOrder", request);
  if (status_is_ok(answer.status)) *ret_order = answer.message;
  return answer.status;
}

struct status ordershop_list_orders(struct ordershop_client *client, const struct context *context,
                                    const Ordershop__V1__ListOrdersRequest *request,
                                    const Ordershop__V1__ListOrdersResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_ORDER, "ListOrders", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}

struct status ordershop_update_order(struct ordershop_client *client, const struct context *context,
                                     const Ordershop__V1__UpdateOrderRequest *request,
                                     const Ordershop__V1__Order **ret_order) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_ORDER, "UpdateOrder", request);
  if (status_is_ok(answer.status)) *ret_order = answer.message;
  return answer.status;
}

struct status ordershop_delete_order(struct ordershop_client *client, const struct context *context,
                                     const Ordershop__V1__DeleteOrderRequest *request) {
  return ordershop_call(client, context, ORDERSHOP_ORDER, "DeleteOrder", request).status;
}

struct status ordershop_list_unbilled_orders(struct ordershop_client *client, const struct context *context,
                                             const Ordershop__V1__ListUnbilledOrdersRequest *request,
                                             const Ordershop__V1__ListUnbilledOrdersResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_ORDER, "ListUnbilledOrders", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}
