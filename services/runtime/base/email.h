/* SPDX-License-Identifier: Apache-2.0 */
/* E-mail addresses: what one must be, and how two are compared. Any thread. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/violations.h"

/* An e-mail address is local@domain in ASCII, at most 254 bytes with exactly one @, without spaces, quotes, angle
 * brackets, commas or line breaks; its domain consists of labels of letters, digits and inner hyphens. (This is a
 * subset of RFC 5321's Mailbox.) Adds a violation of `field`, its path in the request, if the value is none. */
void check_email(struct violations *violations, const char *field, const char *value);

/* Returns the address with its domain in lower case, to compare it: case means nothing in a domain, but may in a local
 * part (RFC 5321, 2.4). */
const char *email_canonical(struct arena *arena, const char *address);

/* Returns whether `domain` consists of labels of letters, digits and inner hyphens with single dots between them, as
 * host names do (RFC 1123, 2.1). */
bool domain_is_valid(const char *domain);
