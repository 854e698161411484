/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/command_parts.h"

static const struct flag interactions[] = {
    {.name = "customer",
     .value = "ID",
     .field = "customer_id",
     .help = "Only with this customer",
     .ids_of = "customer"},
    {0},
};

static const struct verb verbs[] = {
    {.name = "profile",
     .method = "GetCustomerProfile",
     .help = "Show a customer at a glance",
     .operand = "CUSTOMER_ID",
     .operand_field = "customer_id",
     .operand_ids_of = "customer",
     .shared = get_flags,
     .examples = (const char *const[]){"crm profile 76131f90-36f5-4ce4-8516-0685a3dccc54", NULL}},
    {.name = "interactions",
     .method = "ListInteractions",
     .help = "List what happened with customers, oldest first",
     .flags = interactions,
     .shared = list_flags,
     .examples = (const char *const[]){"crm interactions --customer 76131f90-36f5-4ce4-8516-0685a3dccc54", NULL}},
    {0},
};

const struct noun crm_commands = {
    .name = "crm",
    .plural = "interactions",
    .help = "What the shop has to do with its customers",
    .service = ORDERSHOP_CRM,
    .verbs = verbs,
    .view.columns = (const char *const[]){"create_time", "kind", "customer_id", "subject_id", "mail_id", NULL},
};
