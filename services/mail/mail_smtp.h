/* Mail by SMTP (RFC 5321), with libcurl: up to eight connections to one server, kept open between mails.
 *
 * Each connection has a thread of its own, not the loop: when curl ends one, and after a refusal it does, it waits for
 * the server's answer to QUIT and blocks meanwhile. On the loop that would hold up every call of the service, and on
 * one thread for all every other mail.
 *
 * What an answer means:
 *   2xx at the end                        the server has taken the mail
 *   5xx to RCPT or DATA, 552 to MAIL      refused for good: it is about this recipient or this mail
 *   4xx to RCPT or DATA                   deferred: it is about this mail, for now
 *   connection lost within a mail         deferred, so that a mail that kills its server keeps no other one waiting;
 *                                         and the server counts as away
 *   anything else (no connection, 421,    the server is away, or it is set up wrong: nothing is lost, nothing refused
 *   login refused, other 5xx to MAIL ...)
 *
 * The loop's thread hands batches over; its coroutines park until they are done. */
#pragma once

#include "mail_delivery.h"
#include "mail_message.h"

struct mail_smtp;

/* `url`, user, password ... as in the options, which must live as long. Does not connect. */
struct mail_smtp *mail_smtp_open(struct loop *loop, struct arena *arena, const struct mail_delivery_options *options,
                                 const struct mail_sender *from);

/* From now on nothing more is begun: deliveries under way end soon, with what has been taken, as if the server were
 * away. A mail that the server doesn't answer for is given up after some seconds. */
void mail_smtp_stop(struct mail_smtp *smtp);

/* Ends connections and threads. No delivery may be under way. */
void mail_smtp_close(struct mail_smtp *smtp);

/* As mail_deliver. Batches of several coroutines begin one after another. */
struct status mail_smtp_deliver(struct mail_smtp *smtp, struct context *context, struct mail_parcel *parcels,
                                size_t count);
