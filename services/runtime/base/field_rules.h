/* SPDX-License-Identifier: Apache-2.0 */
/* Field rules: what names, ids, numbers and texts of a request must be; e-mail addresses have a file of their own
 * (email.h). Each check adds a violation of `field` (its path in the request) if the value breaks the rule. Any
 * thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/violations.h"

/* A display name has 1 to 256 characters (code points), not only such as show nothing (utf8_is_blank), and no control
 * characters (C0, DEL, C1, U+2028, U+2029). */
void check_name(struct violations *violations, const char *field, const char *value);

/* The value must be a UUID in text form. check_optional_uuid also allows the empty text. */
void check_uuid(struct violations *violations, const char *field, const char *value);
void check_optional_uuid(struct violations *violations, const char *field, const char *value);

/* min <= value <= max. */
void check_range(struct violations *violations, const char *field, int64_t value, int64_t min, int64_t max);

/* Free text may be empty and has at most `max` characters. Control characters are refused: where `lines` is true, all
 * but tabs and line feeds (also those behind a carriage return); where it is false, all of them. */
void check_text(struct violations *violations, const char *field, const char *value, size_t max, bool lines);
