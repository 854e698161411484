/* SPDX-License-Identifier: Apache-2.0 */
/* Mail message: a mail as the internet has it (RFC 5322, MIME), written with GMime.
 *
 * The same mail always gives the same bytes, since nothing in them is of the moment: Date is its create_time,
 * Message-ID `<id@ordershop>`, and there is no boundary, because it has one part. So a mail that is delivered twice is
 * recognised as one. No value can add a header field or end the header: control characters and line breaks, which the
 * field rules refuse long before, become blanks. Any thread. */
#pragma once

#include <ordershop/v1/mail.pb-c.h>
#include <stdbool.h>

#include "base/arena.h"

/* Who sends: what a person reads, which may be empty, and the address. */
struct mail_sender {
  const char *name;
  const char *address;
};

/* Parses `OrderShop <shop@localhost>`, `"Shop, Inc." <shop@localhost>` or `shop@localhost`. Returns NULL if the address
 * is not valid. */
const struct mail_sender *mail_sender_parse(struct arena *arena, const char *text);

/* local@domain of printable ASCII, without what is syntax in SMTP or in a header: the rule for `to`, asked again where
 * an address leaves the program. */
bool mail_address_is_safe(const char *address);

enum mail_form {
  MAIL_FORM_FILE, /* lines end in LF; UTF-8 stays as it is wherever its lines are short enough */
  MAIL_FORM_SMTP, /* lines end in CRLF; 7 bit, since curl does not tell servers of more (BODY=8BITMIME) */
};

struct mail_message {
  const char *bytes;
  size_t size;
};

/* In the arena. */
struct mail_message mail_message_compose(struct arena *arena, const Ordershop__V1__Mail *mail,
                                         const struct mail_sender *from, enum mail_form form);
