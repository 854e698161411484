/* SPDX-License-Identifier: Apache-2.0 */
#include "client/inventory_client.h"

struct status ordershop_create_inventory(struct ordershop_client *client, const struct context *context,
                                         const Ordershop__V1__CreateInventoryRequest *request,
                                         const Ordershop__V1__Inventory **ret_inventory) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_INVENTORY, "CreateInventory", request);
  if (status_is_ok(answer.status)) *ret_inventory = answer.message;
  return answer.status;
}

struct status ordershop_batch_create_inventories(struct ordershop_client *client, const struct context *context,
                                                 const Ordershop__V1__BatchCreateInventoriesRequest *request,
                                                 const Ordershop__V1__BatchCreateInventoriesResponse **ret_response) {
  struct ordershop_answer answer =
      ordershop_call(client, context, ORDERSHOP_INVENTORY, "BatchCreateInventories", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}

struct status ordershop_get_inventory(struct ordershop_client *client, const struct context *context,
                                      const Ordershop__V1__GetInventoryRequest *request,
                                      const Ordershop__V1__Inventory **ret_inventory) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_INVENTORY, "GetInventory", request);
  if (status_is_ok(answer.status)) *ret_inventory = answer.message;
  return answer.status;
}

struct status ordershop_list_inventories(struct ordershop_client *client, const struct context *context,
                                         const Ordershop__V1__ListInventoriesRequest *request,
                                         const Ordershop__V1__ListInventoriesResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_INVENTORY, "ListInventories", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}

struct status ordershop_update_inventory(struct ordershop_client *client, const struct context *context,
                                         const Ordershop__V1__UpdateInventoryRequest *request,
                                         const Ordershop__V1__Inventory **ret_inventory) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_INVENTORY, "UpdateInventory", request);
  if (status_is_ok(answer.status)) *ret_inventory = answer.message;
  return answer.status;
}

struct status ordershop_delete_inventory(struct ordershop_client *client, const struct context *context,
                                         const Ordershop__V1__DeleteInventoryRequest *request) {
  return ordershop_call(client, context, ORDERSHOP_INVENTORY, "DeleteInventory", request).status;
}

struct status ordershop_adjust_stock(struct ordershop_client *client, const struct context *context,
                                     const Ordershop__V1__AdjustStockRequest *request,
                                     const Ordershop__V1__Inventory **ret_inventory) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_INVENTORY, "AdjustStock", request);
  if (status_is_ok(answer.status)) *ret_inventory = answer.message;
  return answer.status;
}
