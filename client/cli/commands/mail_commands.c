/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/command_parts.h"

static const struct flag sending[] = {
    {.name = "to", .value = "ADDRESS", .field = "to", .help = "To whom", .required = true},
    {.name = "subject", .value = "TEXT", .field = "subject", .help = "About what", .required = true},
    {.name = "body", .value = "TEXT", .field = "body", .help = "The mail itself"},
    {.name = "cause", .value = "EVENT_ID", .field = "cause", .help = "The event that led to it"},
    {0},
};

static const struct flag list[] = {
    {.name = "to", .value = "ADDRESS", .field = "to", .help = "Only to this address"},
    {.name = "cause", .value = "EVENT_ID", .field = "cause", .help = "Only those that this event led to"},
    {0},
};

static const struct verb verbs[] = {
    {.name = "send",
     .method = "SendMail",
     .batch = "BatchSendMails",
     .done = "sent",
     .help = "Send a mail",
     .flags = sending,
     .shared = create_flags,
     .examples = (const char *const[]){"mail send --to ada@example.com --subject Hello --body 'Dear Ada, ...'",
                                       "mail send --from mails.jsonl", NULL}},
    {.name = "get",
     .method = "GetMail",
     .help = "Show mails",
     .operand = "ID",
     .operand_field = "id",
     .operand_ids_of = "mail",
     .operands_many = true,
     .shared = get_flags,
     .examples = (const char *const[]){"mail get 269bb93f-d5fd-55d0-a1a9-22d3f6ad0584", NULL}},
    {.name = "list",
     .method = "ListMails",
     .help = "List mails, oldest first",
     .flags = list,
     .shared = list_flags,
     .examples = (const char *const[]){"mail list --to ada@example.com", "mail list --watch", NULL}},
    {0},
};

const struct noun mail_commands = {
    .name = "mail",
    .plural = "mails",
    .help = "What the shop wrote to them",
    .service = ORDERSHOP_MAIL,
    .verbs = verbs,
    .view = {.columns = (const char *const[]){"id", "to", "subject", "status", "create_time", NULL},
             .record = (const char *const[]){"id", "to", "subject", "status", "failure_reason", "cause", "sent_time",
                                             "version", "create_time", "update_time", "body", NULL}},
};
