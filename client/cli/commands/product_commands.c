/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/command_parts.h"

static const struct flag create[] = {
    {.name = "name", .value = "NAME", .field = "name", .help = "Display name", .required = true},
    {.name = "price",
     .value = "EUROS",
     .kind = FLAG_MONEY,
     .field = "price_cents",
     .help = "Price of one: 12.34 (default 0)"},
    {.name = "price-cents",
     .value = "CENTS",
     .kind = FLAG_INTEGER,
     .field = "price_cents",
     .help = "The same in cents: 1234"},
    {0},
};

static const struct flag update[] = {
    {.name = "name", .value = "NAME", .field = "name", .help = "New display name"},
    {.name = "price", .value = "EUROS", .kind = FLAG_MONEY, .field = "price_cents", .help = "New price of one: 12.34"},
    {.name = "price-cents",
     .value = "CENTS",
     .kind = FLAG_INTEGER,
     .field = "price_cents",
     .help = "The same in cents: 1234"},
    {0},
};

static const struct verb verbs[] = {
    {.name = "create",
     .method = "CreateProduct",
     .batch = "BatchCreateProducts",
     .done = "created",
     .help = "Create a product, without stock",
     .flags = create,
     .shared = create_flags,
     .examples = (const char *const[]){"product create --name Kettle --price 12.34",
                                       "product create --from products.jsonl", NULL}},
    {.name = "get",
     .method = "GetProduct",
     .batch = "BatchGetProducts",
     .help = "Show products",
     .operand = "ID",
     .operand_field = "id",
     .operand_ids_of = "product",
     .operands_many = true,
     .shared = get_flags,
     .examples = (const char *const[]){"product get ebc64507-41dc-5b7c-bb01-124dabb263a8",
                                       "product get ebc64507-41dc-5b7c-bb01-124dabb263a8 "
                                       "0e37df36-f698-11e6-8dd4-cb9ced3df976",
                                       NULL}},
    {.name = "list",
     .method = "ListProducts",
     .help = "List products, oldest first",
     .shared = list_flags,
     .examples =
         (const char *const[]){"product list", "product list --all --json | jq -r '[.id, .name] | @tsv'", NULL}},
    {.name = "update",
     .method = "UpdateProduct",
     .done = "updated",
     .help = "Change what is named; orders keep their prices",
     .operand = "ID",
     .operand_field = "id",
     .operand_ids_of = "product",
     .flags = update,
     .shared = change_flags,
     .examples =
         (const char *const[]){"product update ebc64507-41dc-5b7c-bb01-124dabb263a8 --price 9.99",
                               "product list --all --json | jq -c '.priceCents = (.priceCents | tonumber * 2)' |\n"
                               "    ordershop product update --from -",
                               NULL}},
    {.name = "delete",
     .method = "DeleteProduct",
     .done = "deleted",
     .help = "Delete products; their orders and their stock stay",
     .operand = "ID",
     .operand_field = "id",
     .operand_ids_of = "product",
     .operands_many = true,
     .shared = change_flags,
     .examples = (const char *const[]){"product delete ebc64507-41dc-5b7c-bb01-124dabb263a8", NULL}},
    {0},
};

const struct noun product_commands = {
    .name = "product",
    .plural = "products",
    .help = "What the shop sells",
    .service = ORDERSHOP_PRODUCT,
    .verbs = verbs,
    .view.columns = (const char *const[]){"id", "name", "price_cents", "version", "create_time", NULL},
};
