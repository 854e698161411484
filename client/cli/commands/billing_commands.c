/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/command_parts.h"

static const struct flag create[] = {
    {.name = "order",
     .value = "ID",
     .field = "order_id",
     .help = "Which order was paid",
     .required = true,
     .ids_of = "order"},
    {0},
};

static const struct verb verbs[] = {
    {.name = "create",
     .method = "CreateBilling",
     .done = "created",
     .help = "Record that an order was paid",
     .flags = create,
     .shared = create_flags,
     .examples = (const char *const[]){"billing create --order 28d2f6b0-ad95-5d05-b717-1d9ff15a34fa",
                                       "order list --unbilled --all --json | jq -c '{orderId: .id}' |\n"
                                       "    ordershop billing create --from -",
                                       NULL}},
    {.name = "get",
     .method = "GetBilling",
     .help = "Show billings",
     .operand = "ID",
     .operand_field = "id",
     .operand_ids_of = "billing",
     .operands_many = true,
     .shared = get_flags,
     .examples = (const char *const[]){"billing get 5b7a3b6e-8f40-5d0a-8a53-0a5ad6a0c8f1", NULL}},
    {.name = "list",
     .method = "ListBillings",
     .help = "List billings, oldest first",
     .shared = list_flags,
     .examples = (const char *const[]){"billing list --all", NULL}},
    {.name = "delete",
     .method = "DeleteBilling",
     .done = "deleted",
     .help = "Take billings back",
     .operand = "ID",
     .operand_field = "id",
     .operand_ids_of = "billing",
     .operands_many = true,
     .shared = change_flags,
     .examples = (const char *const[]){"billing delete 5b7a3b6e-8f40-5d0a-8a53-0a5ad6a0c8f1", NULL}},
    {0},
};

const struct noun billing_commands = {
    .name = "billing",
    .plural = "billings",
    .help = "Which orders were paid",
    .service = ORDERSHOP_BILLING,
    .verbs = verbs,
    .view.columns = (const char *const[]){"id", "order_id", "amount_cents", "done_time", NULL},
};
