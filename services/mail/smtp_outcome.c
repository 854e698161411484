/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp_outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What a permanent refusal is about. */
enum about {
  ABOUT_US, /* or about the server itself */
  ABOUT_RECIPIENT,
  ABOUT_MESSAGE,
  ABOUT_UNSAID, /* the code doesn't say: others do, or the text */
};

/* ---- enhanced codes --------------------------------------------------------------------------------------------- */

enum { ANY = -1 };

/* The codes 5.<subject>.<detail> (RFC 3463; registry: IANA, SMTP Enhanced Status Codes) that aren't about us or about
 * the server. Those that are missing are: 5.1.7 and 5.1.8 (our sender), 5.3.x (its system), 5.4.x (its network), 5.5.x
 * (how we speak, our name among it: Postfix refuses EHLO names at RCPT by 504 5.5.2), 5.7.x (our rights, its policy and
 * lists, SPF, DKIM and DMARC: 5.7.20 to 5.7.29), whatever a vendor adds (Exchange's 5.2.252 SendAsDenied), and 5.2.2,
 * the full mailbox: RFC 3463, 3.3 has it as "a persistent transient failure", the recipient can make room. */
static const struct {
  int subject, detail;
  enum about about;
} enhanced_codes[] = {
    {0, 0, ABOUT_UNSAID},     {1, 0, ABOUT_UNSAID},
    {1, 1, ABOUT_RECIPIENT},  /* no such mailbox: Postfix, Exim, Exchange, Gmail 550-5.1.1 */
    {1, 2, ABOUT_RECIPIENT},  /* no such domain: Postfix, "Domain not found" */
    {1, 3, ABOUT_RECIPIENT},  /* no address: Postfix 501 5.1.3 */
    {1, 4, ABOUT_RECIPIENT},  /* ambiguous */
    {1, 6, ABOUT_RECIPIENT},  /* moved */
    {1, 9, ABOUT_RECIPIENT},  /* behind a mailer that can't have it */
    {1, 10, ABOUT_RECIPIENT}, /* a null MX (RFC 7505); Exchange Online for "not found" */
    {2, 0, ABOUT_UNSAID},     /* Exchange Online says so of our sender, too: 554 5.2.0 ... SendAsDenied */
    {2, 1, ABOUT_RECIPIENT},  /* disabled: Gmail 550-5.2.1 */
    {2, 3, ABOUT_MESSAGE},    /* longer than this mailbox allows */
    {2, 4, ABOUT_RECIPIENT},  /* a mailing list that can't be expanded */
    {3, 4, ABOUT_MESSAGE},    /* longer than the server allows: Postfix 552 5.3.4, Gmail 552-5.3.4 */
    {4, 1, ABOUT_RECIPIENT},  /* Exchange Online of unknown recipients: 550 5.4.1 Recipient address rejected */
    {4, 4, ABOUT_RECIPIENT},  /* its domain has no host that takes mail */
    {5, 0, ABOUT_UNSAID},     /* Outlook.com of unknown recipients: 550 5.5.0 ... mailbox unavailable */
    {6, ANY, ABOUT_MESSAGE},  /* its content, and how it is encoded */
};

struct enhanced_code {
  int class, subject, detail;
};

/* The one behind the reply's code (RFC 2034), "550 5.1.1 no such user"; an IP address isn't one. */
static bool find_enhanced(const char *text, struct enhanced_code *ret_code) {
  int end = 0;
  struct enhanced_code code = {0};
  int numbers = sscanf(text, "%*3d %1d.%3d.%3d%n", &code.class, &code.subject, &code.detail, &end);
  if (numbers != 3 || (text[end] != '\0' && text[end] != ' ')) return false;
  *ret_code = code;
  return true;
}

/* A code of another class than the reply's says that the refusal is not for ever. */
static enum about about_enhanced(const struct enhanced_code *code) {
  if (code->class != 5) return ABOUT_US;
  for (size_t i = 0; i < sizeof enhanced_codes / sizeof *enhanced_codes; i++) {
    bool same_detail = enhanced_codes[i].detail == code->detail || enhanced_codes[i].detail == ANY;
    if (enhanced_codes[i].subject == code->subject && same_detail) return enhanced_codes[i].about;
  }
  return ABOUT_US;
}

/* 5.7.0 and 5.7.1 are also what filters answer. */
static bool is_filter(const struct enhanced_code *code) {
  return code->class == 5 && code->subject == 7 && code->detail <= 1;
}

/* ---- replies without one ---------------------------------------------------------------------------------------- */

/* RFC 5321, 4.2.2 and 4.3.2; 552 to MAIL is of RFC 1870, 556 of RFC 7504. Not here: 500, 502, 503, 504, 521, 530, 534,
 * 535, 538, 555, which are about how we speak or log in, and 554 to RCPT, by which servers refuse clients. 552 to RCPT
 * is a full mailbox (see 5.2.2). */
static const struct {
  enum smtp_phase phase;
  int reply;
  enum about about;
} plain_replies[] = {
    {SMTP_MAIL, 552, ABOUT_MESSAGE},    /* its size went with MAIL */
    {SMTP_RCPT, 501, ABOUT_RECIPIENT},  /* a bad argument, and the address is the only one: Exim, "malformed address" */
    {SMTP_RCPT, 550, ABOUT_RECIPIENT},  /* Exim "Unrouteable address"; OpenSMTPD "Invalid recipient" */
    {SMTP_RCPT, 551, ABOUT_RECIPIENT},  /* not local */
    {SMTP_RCPT, 553, ABOUT_RECIPIENT},  /* no name of a mailbox */
    {SMTP_RCPT, 556, ABOUT_RECIPIENT},  /* its domain takes no mail */
    {SMTP_DATA, 552, ABOUT_MESSAGE},    /* too big */
    {SMTP_CONTENT, 550, ABOUT_MESSAGE}, /* Exim, of content that its rules refuse */
    {SMTP_CONTENT, 552, ABOUT_MESSAGE}, {SMTP_CONTENT, 554, ABOUT_MESSAGE},
};

static enum about about_reply(enum smtp_phase phase, int reply) {
  for (size_t i = 0; i < sizeof plain_replies / sizeof *plain_replies; i++) {
    if (plain_replies[i].phase == phase && plain_replies[i].reply == reply) return plain_replies[i].about;
  }
  return ABOUT_US;
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

/* Where codes leave it open, words that say that it isn't about the recipient or the message, or not for ever. */
static const char *const words_about_us[] = {
    "relay",     /* Exim 550 relay not permitted; Sendmail 550 Relaying denied */
    "rcpthosts", /* qmail 553 sorry, that domain isn't in my list of allowed rcpthosts */
    "helo",
    "ehlo",          /* Exim's HELO checks, at RCPT */
    "sender",        /* Exim 550 Sender verify failed; SendGrid 550 ... verified Sender Identity */
    "sendas",        /* Exchange Online 554 5.2.0 ... SendAsDenied */
    "not verified",  /* Amazon SES 554 Message rejected: Email address is not verified */
    "authenticat",   /* Exim 550 authentication required */
    "log in",        /* others */
    "blocked using", /* Postfix 554 ... blocked using zen.spamhaus.org */
    "is blocked",    /* others */
    "black list",    /* Exim's example: rejected because ... is in a black list at ... */
    "blacklist",     /* others */
    "block list",    /* Outlook.com: part of their network is on our block list */
    "blocklist",     /* others */
    "spamhaus",      /* others */
    "reputation",    /* Cisco, Proofpoint */
    "reverse dns",   /* GMX, Web.de 554 ... Bad DNS PTR resource record, reverse DNS */
    "dns ptr",       /* the same */
    "spf",           /* policy servers */
    "dkim",
    "dmarc",        /* the same */
    "policy",       /* RFC 5321: 550 is also "command rejected for policy reasons" */
    "rate limit",   /* hosters' limits by 5xx */
    "too many",     /* the same */
    "greylist",     /* by 5xx against the rule */
    "try again",    /* the same */
    "try later",    /* the same */
    "quota",        /* a full mailbox: see 5.2.2 */
    "mailbox full", /* the same */
    "mailbox is full",
    NULL,
};

/* What filters say of a message that they have read, by 5.7.0 or 5.7.1. */
static const char *const words_about_content[] = {
    "spam",     /* SpamAssassin's milter, rspamd 554 5.7.1 Spam message rejected */
    "content",  /* Postfix 550 5.7.1 message content rejected; Exchange ... by Content Filtering */
    "virus",    /* ClamAV's milter 550 5.7.1 virus ... detected */
    "infected", /* amavis 554 5.7.0 ... INFECTED */
    "malware",  /* Exchange Online */
    NULL,
};

static bool has_one(const char *text, const char *const *words) {
  for (; *words; words++) {
    if (strcasestr(text, *words)) return true;
  }
  return false;
}

/* ---- all together ----------------------------------------------------------------------------------------------- */

static enum about about_permanent(const struct smtp_dialog *dialog) {
  struct enhanced_code code = {0};
  bool enhanced = find_enhanced(dialog->text, &code), against_us = has_one(dialog->text, words_about_us);
  if (enhanced && is_filter(&code) && dialog->phase == SMTP_CONTENT && !against_us) {
    if (has_one(dialog->text, words_about_content)) return ABOUT_MESSAGE;
  }
  enum about about = enhanced ? about_enhanced(&code) : ABOUT_UNSAID;
  if (about != ABOUT_UNSAID) return about;
  return against_us ? ABOUT_US : about_reply(dialog->phase, dialog->reply);
}

static bool is_refusal(const struct smtp_dialog *dialog) {
  if (dialog->phase < SMTP_MAIL || dialog->reply < 500) return false;
  enum about about = about_permanent(dialog);
  return about == ABOUT_MESSAGE || (about == ABOUT_RECIPIENT && dialog->phase >= SMTP_RCPT);
}

/* 452 to MAIL: no room for a message of this size (RFC 1870, 6.1); for a smaller one there may be. */
static bool is_about_one(const struct smtp_dialog *dialog) {
  return dialog->phase >= SMTP_RCPT || (dialog->phase == SMTP_MAIL && dialog->reply == 452);
}

enum mail_outcome smtp_outcome_of(const struct smtp_dialog *dialog, CURLcode code, bool *ret_away) {
  *ret_away = false;
  if (code == CURLE_OK) return MAIL_TAKEN;
  if (is_refusal(dialog)) return MAIL_REFUSED;
  bool one = is_about_one(dialog), goes_on = dialog->reply >= 400 && dialog->reply != 421;
  *ret_away = !one || !goes_on;
  return one ? MAIL_DEFERRED : MAIL_NOT_TRIED;
}
