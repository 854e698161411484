/* SMTP dialog: what was said last on a connection, as curl lets one listen, and what that means for a mail. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>

#include "mail_delivery.h"

enum smtp_phase { SMTP_GREETING, SMTP_MAIL, SMTP_RCPT, SMTP_DATA, SMTP_QUIT };

struct smtp_dialog {
  enum smtp_phase phase; /* of the command that was sent last */
  int reply;             /* code of the server's last answer to it; 0: none yet */
  char text[256];        /* that answer */
};

/* For CURLOPT_DEBUGFUNCTION; CURLOPT_DEBUGDATA is the dialog, zeroed before each mail. */
int smtp_dialog_listen(CURL *easy, curl_infotype type, char *bytes, size_t size, void *dialog);

/* How the mail fared. *ret_away: the server does not work at present. */
enum mail_outcome smtp_dialog_outcome(const struct smtp_dialog *dialog, CURLcode code, bool *ret_away);
