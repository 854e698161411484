/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp_dialog.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_DIGITS = 3 };

static bool starts_with(const char *bytes, size_t size, const char *word) {
  size_t length = strlen(word);
  return size >= length && strncmp(bytes, word, length) == 0;
}

static enum smtp_phase phase_of(const char *command, size_t size, enum smtp_phase before) {
  if (starts_with(command, size, "MAIL ")) return SMTP_MAIL;
  if (starts_with(command, size, "RCPT ")) return SMTP_RCPT;
  if (starts_with(command, size, "DATA\r")) return SMTP_DATA;
  return before;
}

static void forget_reply(struct smtp_dialog *dialog) {
  dialog->reply = 0;
  dialog->goes_on = false;
  dialog->text[0] = '\0';
}

void smtp_dialog_command(struct smtp_dialog *dialog, const char *bytes, size_t size) {
  if (starts_with(bytes, size, "QUIT\r")) dialog->quit = true;
  if (dialog->quit) return;
  dialog->phase = phase_of(bytes, size, dialog->phase);
  forget_reply(dialog);
}

/* What doesn't fit is left out. The text gets into the log and into the mail's record, so it is made printable. */
static void add_text(struct smtp_dialog *dialog, const char *bytes, size_t size) {
  size_t length = strlen(dialog->text);
  for (size_t i = 0; i < size && length + 1 < sizeof dialog->text; i++) {
    if (bytes[i] == '\r' || bytes[i] == '\n') break;
    dialog->text[length++] = isprint((unsigned char)bytes[i]) ? bytes[i] : '?';
  }
  dialog->text[length] = '\0';
}

static bool begins_with_code(const char *bytes, size_t size) {
  for (size_t i = 0; i < CODE_DIGITS; i++) {
    if (i >= size || !isdigit((unsigned char)bytes[i])) return false;
  }
  return true;
}

void smtp_dialog_reply(struct smtp_dialog *dialog, const char *bytes, size_t size) {
  if (dialog->quit || !begins_with_code(bytes, size)) return;
  if (dialog->goes_on) {
    add_text(dialog, " ", 1);
    if (size > CODE_DIGITS + 1) add_text(dialog, bytes + CODE_DIGITS + 1, size - CODE_DIGITS - 1);
  } else {
    forget_reply(dialog);
    add_text(dialog, bytes, size);
    dialog->reply = atoi((char[]){bytes[0], bytes[1], bytes[2], '\0'});
    if (dialog->text[CODE_DIGITS] == '-') dialog->text[CODE_DIGITS] = ' ';
  }
  dialog->goes_on = size > CODE_DIGITS && bytes[CODE_DIGITS] == '-';
  if (dialog->phase == SMTP_DATA && dialog->reply == 354) dialog->phase = SMTP_CONTENT;
}
