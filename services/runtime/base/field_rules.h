/* SPDX-License-Identifier: Apache-2.0 */
/* Field rules: what names, e-mail addresses, ids, numbers and texts of a request must be. Each check adds a violation
 * of `field` (its path in the request) if the value breaks the rule. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/violations.h"

/* Display name: 1 to 256 characters (code points), not only such as show nothing (utf8_is_blank), no control characters
 * (C0, DEL, C1, U+2028, U+2029). */
void check_name(struct violations *violations, const char *field, const char *value);

/* local@domain, ASCII, at most 254 bytes, exactly one @, no spaces, quotes, angle brackets, commas or line breaks; a
 * domain of labels of letters, digits and inner hyphens. (A subset of RFC 5321's Mailbox.) */
void check_email(struct violations *violations, const char *field, const char *value);

/* The address with its domain in lower case, to compare it: domains have no case, local parts may (RFC 5321, 2.4). */
const char *email_canonical(struct arena *arena, const char *address);

/* Labels of letters, digits and inner hyphens with single dots between them, as host names are (RFC 1123, 2.1). */
bool domain_is_valid(const char *domain);

/* A UUID in text form. check_optional_uuid allows the empty text. */
void check_uuid(struct violations *violations, const char *field, const char *value);
void check_optional_uuid(struct violations *violations, const char *field, const char *value);

/* min <= value <= max. */
void check_range(struct violations *violations, const char *field, int64_t value, int64_t min, int64_t max);

/* Free text that may be empty: at most `max` characters; control characters but tab and line feed, also behind a
 * carriage return, are refused where `lines` is true, all of them where it is false. */
void check_text(struct violations *violations, const char *field, const char *value, size_t max, bool lines);
