/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/command_parts.h"

static const struct flag create[] = {
    {.name = "customer",
     .value = "ID",
     .field = "customer_id",
     .help = "Who orders",
     .required = true,
     .ids_of = "customer"},
    {.name = "product",
     .value = "ID",
     .field = "product_ids",
     .help = "What: once for each unit",
     .required = true,
     .ids_of = "product"},
    {0},
};

static const struct flag list[] = {
    {.name = "customer", .value = "ID", .field = "customer_id", .help = "Only of this customer", .ids_of = "customer"},
    {.name = "unbilled", .kind = FLAG_METHOD, .field = "ListUnbilledOrders", .help = "Only those without a billing"},
    {0},
};

static const struct flag update[] = {
    {.name = "product",
     .value = "ID",
     .field = "product_ids",
     .help = "What instead: once for each unit",
     .required = true,
     .ids_of = "product"},
    {0},
};

static const struct verb verbs[] = {
    {.name = "create",
     .method = "CreateOrder",
     .done = "created",
     .help = "Order products for a customer",
     .flags = create,
     .shared = create_flags,
     .examples = (const char *const[]){"order create --customer 76131f90-36f5-4ce4-8516-0685a3dccc54 \\\n"
                                       "    --product ebc64507-41dc-5b7c-bb01-124dabb263a8 "
                                       "--product ebc64507-41dc-5b7c-bb01-124dabb263a8",
                                       "order create --from orders.jsonl --json", NULL}},
    {.name = "get",
     .method = "GetOrder",
     .help = "Show orders",
     .operand = "ID",
     .operand_field = "id",
     .operand_ids_of = "order",
     .operands_many = true,
     .shared = get_flags,
     .examples = (const char *const[]){"order get 28d2f6b0-ad95-5d05-b717-1d9ff15a34fa", NULL}},
    {.name = "list",
     .method = "ListOrders",
     .help = "List orders, oldest first",
     .flags = list,
     .shared = list_flags,
     .examples = (const char *const[]){"order list --unbilled",
                                       "order list --customer 76131f90-36f5-4ce4-8516-0685a3dccc54 --all", NULL}},
    {.name = "update",
     .method = "UpdateOrder",
     .done = "updated",
     .help = "Replace the products of an order",
     .operand = "ID",
     .operand_field = "id",
     .operand_ids_of = "order",
     .flags = update,
     .shared = change_flags,
     .examples = (const char *const[]){"order update 28d2f6b0-ad95-5d05-b717-1d9ff15a34fa \\\n"
                                       "    --product ebc64507-41dc-5b7c-bb01-124dabb263a8",
                                       NULL}},
    {.name = "delete",
     .method = "DeleteOrder",
     .done = "deleted",
     .help = "Cancel orders; their stock is given back",
     .operand = "ID",
     .operand_field = "id",
     .operand_ids_of = "order",
     .operands_many = true,
     .shared = change_flags,
     .examples = (const char *const[]){"order delete 28d2f6b0-ad95-5d05-b717-1d9ff15a34fa", NULL}},
    {0},
};

const struct noun order_commands = {
    .name = "order",
    .plural = "orders",
    .help = "What customers ordered",
    .service = ORDERSHOP_ORDER,
    .verbs = verbs,
    .view = {.columns = (const char *const[]){"id", "customer_id", "product_ids", "total_cents", "version",
                                              "create_time", NULL},
             .record = (const char *const[]){"id", "customer_id", "total_cents", "version", "create_time",
                                             "update_time", "items", NULL}},
};
