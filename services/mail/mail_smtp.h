/* SPDX-License-Identifier: Apache-2.0 */
/* Mail by SMTP (RFC 5321), with libcurl: up to eight connections to one server, kept open between mails.
 *
 * Each connection has a thread of its own, not the loop: when curl ends a connection, as it does after a refusal, it
 * blocks until the server has answered QUIT. On the loop that would hold up every call of the service, and on one
 * thread for all every other mail.
 *
 * What an answer means for the mail stands in smtp_outcome.h.
 *
 * The loop's thread hands batches over; its coroutines yield until they are done. */
#pragma once

#include "loop/coroutine.h"
#include "mail_delivery.h"
#include "mail_message.h"

struct mail_smtp;

/* What this program may call itself to a mail server, in EHLO (RFC 5321, 4.1.1.1): a domain, "shop.example.com", or an
 * address literal, "[192.0.2.1]", "[IPv6:2001:db8::1]" (4.1.3). Any thread. */
bool smtp_name_is_valid(const char *name);

/* URL, user, password ... as in the options, whose texts must live as long as the result. Does not connect. A password
 * is sent over TLS only, unless the options say MAIL_TLS_OFF: if a server offers none, or pretends to offer none, no
 * mail is delivered then. */
struct mail_smtp *mail_smtp_open(struct loop *loop, struct arena *arena, const struct mail_delivery_options *options,
                                 const struct mail_sender *from);

/* From now on nothing more is begun: deliveries under way end soon, with what has been taken, as if the server were
 * away. A mail that the server doesn't answer for is given up after some seconds. */
void mail_smtp_stop(struct mail_smtp *smtp);

/* Ends connections and threads. No delivery may be under way. */
void mail_smtp_close(struct mail_smtp *smtp);

/* As mail_deliver. Batches of several coroutines begin one after another. */
coroutine_fn struct status mail_smtp_deliver(struct mail_smtp *smtp, struct context *context,
                                             struct mail_parcel *parcels, size_t count);
