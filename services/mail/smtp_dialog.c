#include "smtp_dialog.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

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

void smtp_dialog_command(struct smtp_dialog *dialog, const char *bytes, size_t size) {
  if (starts_with(bytes, size, "QUIT\r")) dialog->quit = true;
  if (dialog->quit) return;
  dialog->phase = phase_of(bytes, size, dialog->phase);
  dialog->reply = 0;
  dialog->text[0] = '\0';
}

void smtp_dialog_reply(struct smtp_dialog *dialog, const char *bytes, size_t size) {
  if (dialog->quit || size < 3 || !isdigit((unsigned char)bytes[0])) return;
  if (size >= sizeof dialog->text) size = sizeof dialog->text - 1;
  memcpy(dialog->text, bytes, size);
  dialog->text[size] = '\0';
  dialog->text[strcspn(dialog->text, "\r\n")] = '\0';
  dialog->reply = atoi(dialog->text);
}

/* Answers that are about how we talk to the server (order of commands, login, TLS), not about what we send. */
static bool is_about_us(int reply) {
  static const int codes[] = {421, 500, 502, 503, 521, 530, 534, 535, 538};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    if (codes[i] == reply) return true;
  }
  return false;
}

static bool is_refusal(const struct smtp_dialog *dialog) {
  if (dialog->reply < 500 || is_about_us(dialog->reply)) return false;
  return dialog->phase >= SMTP_RCPT || dialog->reply == 552; /* the size goes with MAIL (RFC 1870) */
}

enum mail_outcome smtp_dialog_outcome(const struct smtp_dialog *dialog, CURLcode code, bool *ret_away) {
  *ret_away = false;
  if (code == CURLE_OK) return MAIL_TAKEN;
  if (is_refusal(dialog)) return MAIL_REFUSED;
  bool within = dialog->phase >= SMTP_RCPT;
  *ret_away = !within || dialog->reply < 400 || is_about_us(dialog->reply);
  return within && !is_about_us(dialog->reply) ? MAIL_DEFERRED : MAIL_NOT_TRIED;
}
