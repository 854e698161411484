/* Violations: field rules checked at the edge, all of them answered at once (BadRequest).
 *
 *   struct violations violations = violations_of(arena);
 *   check_text(&violations, "customer.name", request->customer->name, &name_rule);
 *   ...
 *   return violations_status(&violations);
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct violations {
  struct arena *arena;
  struct field_violation *first, *last;
  size_t count; /* at most 100 are kept */
};

struct violations violations_of(struct arena *arena);
void violation_add(struct violations *violations, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* OK, or INVALID_ARGUMENT with reason FIELD_INVALID and all violations in BadRequest; the message names the first. */
struct status violations_status(const struct violations *violations);

/* INVALID_ARGUMENT with a reason other than FIELD_INVALID and this one violation: "page_token", "is not one that ...".
 */
struct status violation_status(struct arena *arena, const char *reason, const char *field, const char *description);

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

/* least <= value <= most. */
void check_range(struct violations *violations, const char *field, int64_t value, int64_t least, int64_t most);

/* Free text that may be empty: at most `most` characters; control characters but tab and line feed, also behind a
 * carriage return, are refused where `lines` is true, all of them where it is false. */
void check_text(struct violations *violations, const char *field, const char *value, size_t most, bool lines);

/* Number of code points of valid UTF-8, or -1 if it is not valid (RFC 3629: no surrogates, no overlong forms). */
int64_t utf8_length(const void *bytes, size_t size);
