/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP name: what this program calls itself to a mail server, in EHLO (RFC 5321, 4.1.1.1). Any thread. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"

/* A domain, "shop.example.com", or an address literal, "[192.0.2.1]", "[IPv6:2001:db8::1]" (RFC 5321, 4.1.3). */
bool smtp_name_is_valid(const char *name);

/* The machine's fully qualified domain name, as `hostname --fqdn` has it; the bare host name if there is none at
 * present (*ret_qualified: false), "localhost" if it isn't even a name. Blocks while a name server is asked. */
const char *smtp_name_of_machine(struct arena *arena, bool *ret_qualified);
