/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP dialog: remembers what was said last on a connection. Any thread, one at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum smtp_phase {
  SMTP_GREETING, /* up to MAIL: connecting, EHLO, STARTTLS, AUTH */
  SMTP_MAIL,
  SMTP_RCPT,
  SMTP_DATA,    /* the command DATA */
  SMTP_CONTENT, /* the message itself: the server has asked for it */
};

/* All zero before each mail. */
struct smtp_dialog {
  enum smtp_phase phase; /* of the command that was sent last, QUIT aside */
  int reply;             /* code of the server's last answer to it; 0 if there is none yet */
  bool goes_on;          /* that answer has further lines */
  char text[512];        /* that answer, its lines joined by blanks, each without the code but the first one; ASCII */
  bool quit;             /* QUIT was sent: the rest doesn't matter */
};

/* Note a line that was sent, and a line that came. */
void smtp_dialog_command(struct smtp_dialog *dialog, const char *bytes, size_t size);
void smtp_dialog_reply(struct smtp_dialog *dialog, const char *bytes, size_t size);
