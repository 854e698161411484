/* SPDX-License-Identifier: Apache-2.0 */
/* Typed calls to InventoryService, which owns the stock of the shop.
 *
 * See ordershop_client.h for retries, positions, threads and lifetimes, and proto/ordershop/v1/inventory.proto for what
 * each call does and which errors it has. */
#pragma once

#include <ordershop/v1/inventory.pb-c.h>

#include "client/ordershop_client.h"

/* Gives a product a stock. */
struct status ordershop_create_inventory(struct ordershop_client *client, const struct context *context,
                                         const Ordershop__V1__CreateInventoryRequest *request,
                                         const Ordershop__V1__Inventory **ret_inventory);

/* Gives products their stocks, all or none. */
struct status ordershop_batch_create_inventories(struct ordershop_client *client, const struct context *context,
                                                 const Ordershop__V1__BatchCreateInventoriesRequest *request,
                                                 const Ordershop__V1__BatchCreateInventoriesResponse **ret_response);

/* Reads an inventory. */
struct status ordershop_get_inventory(struct ordershop_client *client, const struct context *context,
                                      const Ordershop__V1__GetInventoryRequest *request,
                                      const Ordershop__V1__Inventory **ret_inventory);

/* Lists inventories, oldest first, each once, however many come and go meanwhile. */
struct status ordershop_list_inventories(struct ordershop_client *client, const struct context *context,
                                         const Ordershop__V1__ListInventoriesRequest *request,
                                         const Ordershop__V1__ListInventoriesResponse **ret_response);

/* Sets the amount that is available, as after a stocktake; AdjustStock changes it relatively, without a read before. */
struct status ordershop_update_inventory(struct ordershop_client *client, const struct context *context,
                                         const Ordershop__V1__UpdateInventoryRequest *request,
                                         const Ordershop__V1__Inventory **ret_inventory);

/* Deletes the stock of a product. */
struct status ordershop_delete_inventory(struct ordershop_client *client, const struct context *context,
                                         const Ordershop__V1__DeleteInventoryRequest *request);

/* Adds units to the stock of a product or takes some out, whatever others do with it at the same time. */
struct status ordershop_adjust_stock(struct ordershop_client *client, const struct context *context,
                                     const Ordershop__V1__AdjustStockRequest *request,
                                     const Ordershop__V1__Inventory **ret_inventory);
