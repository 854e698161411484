/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP server: a small mail server (RFC 5321) of one test program, on threads of its own, on a free port of 127.0.0.1.
 *
 * It takes every mail and keeps it, unless a rule says what to answer instead. What can't be done ends the test program
 * with a message. Functions block, but for milliseconds; they may be called from coroutines. One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct smtp_server;

struct smtp_server *smtp_server_start(void);

/* Closes port and connections, in the middle of whatever goes on. It keeps its mails and rules; restart takes the same
 * port again. */
void smtp_server_stop(struct smtp_server *server);
void smtp_server_restart(struct smtp_server *server);

/* Stops it and frees it with its mails. NULL is allowed. */
void smtp_server_free(struct smtp_server *server);

const char *smtp_server_url(const struct smtp_server *server); /* smtp://127.0.0.1:<port> */

#define SMTP_CLOSE "close" /* instead of an answer: the connection ends */
#define SMTP_MUTE "mute"   /* instead of an answer: nothing, until the client or the server goes */
#define SMTP_SLOW "slow"   /* the usual answer, after 0.2 s */

/* From now on answers `command` ("connect", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "data": the end of a message,
 * "QUIT") with `text` ("550 no such user", "550-no\r\n550 such user") `times` times, or for ever if that is negative;
 * with a `recipient` only in mails to that address, from RCPT on. Texts are copied. */
void smtp_server_answer(struct smtp_server *server, const char *command, const char *recipient, const char *text,
                        int times);
void smtp_server_forget_answers(struct smtp_server *server);

struct smtp_mail {
  char from[256], to[256]; /* of the envelope */
  char *message;           /* as it was before dots were doubled for the way; lines end in CRLF */
};

/* Mails taken since the start, in the order in which they came. They live as long as the server. */
size_t smtp_server_count(struct smtp_server *server);
const struct smtp_mail *smtp_server_mail(struct smtp_server *server, size_t index);

/* Waits until there are `count` mails; false: not within `ms`. */
bool smtp_server_wait(struct smtp_server *server, size_t count, int ms);

/* Connections made since the start. */
int smtp_server_connections(struct smtp_server *server);

/* What came last with AUTH PLAIN, in base64; "" before. */
const char *smtp_server_login(struct smtp_server *server);

/* What came last with EHLO or HELO; "" before. */
const char *smtp_server_hello(struct smtp_server *server);
