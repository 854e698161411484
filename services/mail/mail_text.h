/* Text that grows in an arena, and the encodings of mails (RFC 2045, 2047) that write into it.
 *
 * Lines end in LF here; mail_message.h turns them into CRLF where a mail server reads them. Belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct mail_text {
  struct arena *arena;
  char *bytes;
  size_t size, room;
};

struct mail_text mail_text_of(struct arena *arena, size_t room);
void mail_text_add(struct mail_text *text, const void *bytes, size_t size);
void mail_text_add_string(struct mail_text *text, const char *string);

/* Adds the header field `name: value`, folded (RFC 5322, 2.2.3). What isn't printable ASCII is written as encoded-words
 * (RFC 2047); control characters and line breaks, which the field rules refuse long before, become blanks: whatever the
 * value holds, it is the value of this one field. */
void mail_text_add_header(struct mail_text *text, const char *name, const char *value);

/* True if a header field holds `value` as it is, not as encoded-words. */
bool mail_text_is_plain(const char *value);

/* Adds `size` bytes in the encoding quoted-printable (RFC 2045, 6.7); LF are line breaks. */
void mail_text_add_quoted_printable(struct mail_text *text, const char *bytes, size_t size);
