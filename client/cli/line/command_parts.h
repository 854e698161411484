/* SPDX-License-Identifier: Apache-2.0 */
/* What command_table.c is made of: a noun from each <noun>_commands.c, and the flags that several verbs have. */
#pragma once

#include <stddef.h>

#include "client/cli/line/command.h"

extern const struct noun customer_commands, product_commands, inventory_commands, order_commands, billing_commands,
    crm_commands, mail_commands, dead_letter_commands, log_commands, view_commands, audit_commands, archive_commands,
    status_commands, events_commands, load_commands, new_commands;

extern const struct flag list_flags[];   /* --page-size, --page-token, --all, --watch */
extern const struct flag get_flags[];    /* --watch */
extern const struct flag create_flags[]; /* --from */
extern const struct flag change_flags[]; /* --version, --from */

/* Who asks for a change: session_operator_name. */
#define BY_FLAG \
  { .name = "by", .value = "NAME", .kind = FLAG_OWN, .help = "Who does it, for the record (the user of this process)" }

extern const char *const service_words[]; /* customer ... mail */
