/* SMTP dialog: what was said last on a connection, and what that means for the mail. Any thread, one at a time. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "mail_delivery.h"

enum smtp_phase { SMTP_GREETING, SMTP_MAIL, SMTP_RCPT, SMTP_DATA };

/* All zero before each mail. */
struct smtp_dialog {
  enum smtp_phase phase; /* of the command that was sent last, QUIT aside */
  int reply;             /* code of the server's last answer to it; 0: none yet */
  char text[256];        /* that answer */
  bool quit;             /* QUIT was sent: the rest doesn't matter */
};

/* A line that was sent, a line that came. */
void smtp_dialog_command(struct smtp_dialog *dialog, const char *bytes, size_t size);
void smtp_dialog_reply(struct smtp_dialog *dialog, const char *bytes, size_t size);

/* How the mail fared, as mail_smtp.h says; `code` is what curl made of it. *ret_away: the server does not work at
 * present. */
enum mail_outcome smtp_dialog_outcome(const struct smtp_dialog *dialog, CURLcode code, bool *ret_away);
