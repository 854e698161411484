/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/command_parts.h"

static const struct flag create[] = {
    {.name = "name", .value = "NAME", .field = "name", .help = "Display name", .required = true},
    {.name = "email", .value = "ADDRESS", .field = "email", .help = "Where mails go", .required = true},
    {0},
};

static const struct flag update[] = {
    {.name = "name", .value = "NAME", .field = "name", .help = "New display name"},
    {.name = "email", .value = "ADDRESS", .field = "email", .help = "New address"},
    {0},
};

static const struct verb verbs[] = {
    {.name = "create",
     .method = "CreateCustomer",
     .batch = "BatchCreateCustomers",
     .done = "created",
     .help = "Create a customer, who is welcomed by mail",
     .flags = create,
     .shared = create_flags,
     .examples =
         (const char *const[]){"customer create --name 'Ada Lovelace' --email ada@example.com",
                               "customer create --from customers.jsonl",
                               "customer create --from - <<< '{\"name\": \"Ada\", \"email\": \"ada@x.org\"}'", NULL}},
    {.name = "get",
     .method = "GetCustomer",
     .help = "Show customers",
     .operand = "ID",
     .operand_field = "id",
     .operand_ids_of = "customer",
     .operands_many = true,
     .shared = get_flags,
     .examples = (const char *const[]){"customer get 76131f90-36f5-4ce4-8516-0685a3dccc54",
                                       "customer get 76131f90-36f5-4ce4-8516-0685a3dccc54 --json", NULL}},
    {.name = "list",
     .method = "ListCustomers",
     .help = "List customers, oldest first",
     .shared = list_flags,
     .examples = (const char *const[]){"customer list --all", "customer list --watch 2",
                                       "customer list --all --json | jq -r .email", NULL}},
    {.name = "update",
     .method = "UpdateCustomer",
     .done = "updated",
     .help = "Change what is named",
     .operand = "ID",
     .operand_field = "id",
     .operand_ids_of = "customer",
     .flags = update,
     .shared = change_flags,
     .examples =
         (const char *const[]){"customer update 76131f90-36f5-4ce4-8516-0685a3dccc54 --email ada@example.org",
                               "customer update 76131f90-36f5-4ce4-8516-0685a3dccc54 --name Ada --version 3", NULL}},
    {.name = "delete",
     .method = "DeleteCustomer",
     .done = "deleted",
     .help = "Delete customers, whose orders stay",
     .operand = "ID",
     .operand_field = "id",
     .operand_ids_of = "customer",
     .operands_many = true,
     .shared = change_flags,
     .examples = (const char *const[]){"customer delete 76131f90-36f5-4ce4-8516-0685a3dccc54", NULL}},
    {0},
};

const struct noun customer_commands = {
    .name = "customer",
    .plural = "customers",
    .help = "The customers of the shop",
    .service = ORDERSHOP_CUSTOMER,
    .verbs = verbs,
    .view.columns = (const char *const[]){"id", "name", "email", "version", "create_time", NULL},
};
