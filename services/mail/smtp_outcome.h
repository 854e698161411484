/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP outcome: what the end of a dialog means for the mail.
 *
 * A mail is refused for good only where the server says, by a permanent code (5xx), that it is about this recipient or
 * this message. Everything else may be resolved without a change to the mail: what the server has against us (our name,
 * our address, our rights, our sender, its policy and its lists) and what it lacks itself. A refusal can't be taken
 * back, a deferral costs only tries and time, so in doubt a mail is deferred.
 *
 *   taken                                            MAIL_TAKEN
 *   5xx about the recipient or the message           MAIL_REFUSED
 *   other 4xx, 5xx to RCPT, DATA or the message,     MAIL_DEFERRED: this mail waits, others go on, since it may well be
 *   and lack of room for its size to MAIL            about its recipient's domain or its size alone
 *   connection lost, or 421, from RCPT on            MAIL_DEFERRED, so that a mail that kills its server keeps no other
 *                                                    one waiting; and the server counts as away
 *   anything else (no connection, a greeting, EHLO,  MAIL_NOT_TRIED: it would hit every mail; the server counts as away
 *   STARTTLS, AUTH or MAIL refused)
 *
 * What a code is about stands in smtp_outcome.c. */
#pragma once

#include <curl/curl.h>

#include "mail_delivery.h"
#include "smtp_dialog.h"

/* `code` is what curl made of the dialog. *ret_away says whether the server does not work at present. */
enum mail_outcome smtp_outcome_of(const struct smtp_dialog *dialog, CURLcode code, bool *ret_away);
