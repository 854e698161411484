/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery to a folder and to a mail server, without the service around it. */
#include "mail_delivery.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/timestamp.h"
#include "base/uuid.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "mail_smtp.h"
#include "patience.h"
#include "smtp_server.h"
#include "suite.h"

enum { TIMEOUT_SECONDS = 2, MAILS = 40 };

static char folder[64];

static int remove_file(const char *path, const struct stat *status, int type, struct FTW *walk) {
  (void)status, (void)type, (void)walk;
  return remove(path);
}

static int make_folder(void) {
  strcpy(folder, "/tmp/mail_delivery.XXXXXX");
  return mkdtemp(folder) ? 0 : 1;
}

static int remove_folder(void) {
  return nftw(folder, remove_file, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- mails ------------------------------------------------------------------------------------------------------ */

static const Ordershop__V1__Mail *mail_to(struct context *context, const char *to, const char *body) {
  Ordershop__V1__Mail *mail = arena_alloc(context->arena, sizeof *mail);
  ordershop__v1__mail__init(mail);
  mail->id = (char *)uuid_random(context->arena);
  mail->to = (char *)to;
  mail->subject = (char *)"Hello";
  mail->body = (char *)body;
  mail->create_time = timestamp_new(context->arena, clock_wall_us());
  return mail;
}

static struct mail_parcel *parcels_to(struct context *context, const char *const *addresses, size_t count) {
  struct mail_parcel *parcels = arena_calloc(context->arena, count, sizeof *parcels);
  for (size_t i = 0; i < count; i++) parcels[i].mail = mail_to(context, addresses[i], "Hello\n");
  return parcels;
}

static struct mail_parcel *many_parcels(struct context *context, size_t count) {
  const char **addresses = arena_calloc(context->arena, count, sizeof *addresses);
  for (size_t i = 0; i < count; i++) addresses[i] = arena_printf(context->arena, "customer%zu@example.com", i);
  return parcels_to(context, addresses, count);
}

static size_t outcomes(const struct mail_parcel *parcels, size_t count, enum mail_outcome outcome) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) found += parcels[i].outcome == outcome;
  return found;
}

static struct mail_delivery *open_delivery(struct context *context, const struct mail_delivery_options *options) {
  struct mail_delivery *delivery;
  struct status status = mail_delivery_open(coroutine_loop(), context->arena, options, &delivery);
  CU_ASSERT_FATAL(status_is_ok(status));
  return delivery;
}

/* ---- folder ----------------------------------------------------------------------------------------------------- */

static struct mail_delivery *open_to_folder(struct context *context, const char *path) {
  const struct mail_delivery_options options = {.from = "OrderShop <shop@localhost>", .folder = path};
  return open_delivery(context, &options);
}

static size_t file_count(const char *path) {
  size_t count = 0;
  DIR *open = opendir(path);
  for (struct dirent *entry; open && (entry = readdir(open));) count += entry->d_type == DT_REG;
  if (open) closedir(open);
  return count;
}

static const char *file_of(struct context *context, const char *path, const Ordershop__V1__Mail *mail) {
  char *text = arena_calloc(context->arena, 1, 4096);
  FILE *file = fopen(arena_printf(context->arena, "%s/%s.eml", path, mail->id), "re");
  if (file) {
    text[fread(text, 1, 4095, file)] = '\0';
    fclose(file);
  }
  return text;
}

static void deliver_to_folder(struct context *context) {
  const char *path = arena_printf(context->arena, "%s/a/new/one", folder);
  struct mail_delivery *delivery = open_to_folder(context, path);
  struct mail_parcel *parcels = many_parcels(context, MAILS);
  CU_ASSERT(status_is_ok(mail_deliver(delivery, context, parcels, MAILS)));
  CU_ASSERT_EQUAL(outcomes(parcels, MAILS, MAIL_TAKEN), MAILS);
  CU_ASSERT_EQUAL(file_count(path), MAILS);
  for (size_t i = 0; i < MAILS; i++) {
    const char *text = file_of(context, path, parcels[i].mail);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, arena_printf(context->arena, "\nTo: customer%zu@example.com\n", i)));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, arena_printf(context->arena, "\nMessage-ID: <%s@", parcels[i].mail->id)));
  }
  struct stat status;
  stat(arena_printf(context->arena, "%s/%s.eml", path, parcels[0].mail->id), &status);
  CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
  mail_delivery_close(delivery);
}

static void test_folder(void) {
  in_coroutine(deliver_to_folder);
}

/* Returns the highest nice value of this process's threads. */
static int most_patient_thread(void) {
  int most = -20;
  DIR *threads = opendir("/proc/self/task");
  CU_ASSERT_PTR_NOT_NULL_FATAL(threads);
  for (struct dirent *thread; (thread = readdir(threads));) {
    int nice = *thread->d_name == '.' ? -20 : getpriority(PRIO_PROCESS, (id_t)atoi(thread->d_name));
    if (nice > most) most = nice;
  }
  closedir(threads);
  return most;
}

static void deliver_patiently(struct context *context) {
  int own = getpriority(PRIO_PROCESS, 0);
  struct mail_delivery *delivery = open_to_folder(context, arena_printf(context->arena, "%s/patient", folder));
  struct mail_parcel parcel = {.mail = mail_to(context, "ada@example.com", "Hello\n")};
  CU_ASSERT(status_is_ok(mail_deliver(delivery, context, &parcel, 1)));
  if (own < 10) CU_ASSERT(most_patient_thread() >= 10);
  CU_ASSERT_EQUAL(getpriority(PRIO_PROCESS, 0), own);
  mail_delivery_close(delivery);
}

static void test_folder_patient(void) {
  in_coroutine(deliver_patiently);
}

static void deliver_again(struct context *context) {
  const char *path = arena_printf(context->arena, "%s/again", folder);
  struct mail_delivery *delivery = open_to_folder(context, path);
  struct mail_parcel parcel = {.mail = mail_to(context, "ada@example.com", "Hello\n")};
  mail_deliver(delivery, context, &parcel, 1);
  const char *first = file_of(context, path, parcel.mail);
  FILE *left = fopen(arena_printf(context->arena, "%s/.tmp/%s.eml", path, parcel.mail->id), "we");
  fputs("what a killed process had written of it, which is longer than the mail itself will be", left);
  for (int i = 0; i < 20; i++) fputs("something something something something something", left);
  fclose(left);
  CU_ASSERT(status_is_ok(mail_deliver(delivery, context, &parcel, 1)));
  CU_ASSERT_EQUAL(file_count(path), 1);
  CU_ASSERT_EQUAL(file_count(arena_printf(context->arena, "%s/.tmp", path)), 0);
  CU_ASSERT(strlen(first) > 0);
  CU_ASSERT_STRING_EQUAL(file_of(context, path, parcel.mail), first);
  mail_delivery_close(delivery);
}

static void test_folder_again(void) {
  in_coroutine(deliver_again);
}

static void deliver_to_lost_folder(struct context *context) {
  const char *path = arena_printf(context->arena, "%s/lost", folder);
  struct mail_delivery *delivery = open_to_folder(context, path);
  struct mail_parcel *parcels = many_parcels(context, 3);
  rmdir(arena_printf(context->arena, "%s/.tmp", path));
  rmdir(path);
  fclose(fopen(path, "we")); /* a file is in its place */
  struct status status = mail_deliver(delivery, context, parcels, 3);
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "MAIL_FOLDER_UNWRITABLE");
  CU_ASSERT_EQUAL(outcomes(parcels, 3, MAIL_NOT_TRIED), 3);
  unlink(path);
  CU_ASSERT(status_is_ok(mail_deliver(delivery, context, parcels, 3)));
  CU_ASSERT_EQUAL(file_count(path), 3);
  mail_delivery_close(delivery);
}

static void test_folder_lost(void) {
  in_coroutine(deliver_to_lost_folder);
}

static void deliver_outside(struct context *context) {
  const char *path = arena_printf(context->arena, "%s/inside", folder);
  struct mail_delivery *delivery = open_to_folder(context, path);
  struct mail_parcel *parcels = many_parcels(context, 2);
  ((Ordershop__V1__Mail *)parcels[0].mail)->id = (char *)"../outside";
  CU_ASSERT(status_is_ok(mail_deliver(delivery, context, parcels, 2)));
  CU_ASSERT_EQUAL(parcels[0].outcome, MAIL_REFUSED);
  CU_ASSERT_EQUAL(parcels[1].outcome, MAIL_TAKEN);
  CU_ASSERT_EQUAL(access(arena_printf(context->arena, "%s/outside.eml", folder), F_OK), -1);
  mail_delivery_close(delivery);
}

static void test_folder_outside(void) {
  in_coroutine(deliver_outside);
}

static void open_bad_folder(struct context *context) {
  const struct mail_delivery_options options = {.from = "a@b", .folder = "/dev/null/mail"};
  struct mail_delivery *delivery;
  struct status status = mail_delivery_open(coroutine_loop(), context->arena, &options, &delivery);
  CU_ASSERT_EQUAL(status.code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "/dev/null/mail"));
}

static void test_folder_bad(void) {
  in_coroutine(open_bad_folder);
}

/* ---- mail server ------------------------------------------------------------------------------------------------ */

static struct smtp_server *server;

static struct mail_delivery *open_to_server(struct context *context) {
  const struct mail_delivery_options options = {.smtp_url = smtp_server_url(server),
                                                .smtp_timeout_seconds = TIMEOUT_SECONDS,
                                                .from = "OrderShop <shop@example.org>"};
  return open_delivery(context, &options);
}

/* Runs a test with a mail server of its own. */
static void with_server(void (*body)(struct context *context)) {
  server = smtp_server_start();
  in_coroutine(body);
  smtp_server_free(server);
}

static const struct smtp_mail *mail_taken_for(const char *to) {
  for (size_t i = 0; i < smtp_server_count(server); i++) {
    const struct smtp_mail *mail = smtp_server_mail(server, i);
    if (strcmp(mail->to, to) == 0) return mail;
  }
  return NULL;
}

static void deliver_to_server(struct context *context) {
  struct mail_delivery *delivery = open_to_server(context);
  struct mail_parcel *parcels = many_parcels(context, MAILS);
  CU_ASSERT(status_is_ok(mail_deliver(delivery, context, parcels, MAILS)));
  CU_ASSERT_EQUAL(outcomes(parcels, MAILS, MAIL_TAKEN), MAILS);
  CU_ASSERT_EQUAL(smtp_server_count(server), MAILS);
  for (size_t i = 0; i < MAILS; i++) {
    const struct smtp_mail *mail = mail_taken_for(parcels[i].mail->to);
    CU_ASSERT_FATAL(mail != NULL);
    CU_ASSERT_STRING_EQUAL(mail->from, "shop@example.org");
    CU_ASSERT_PTR_NOT_NULL(strstr(mail->message, parcels[i].mail->id));
    CU_ASSERT_PTR_NOT_NULL(strstr(mail->message, "From: OrderShop <shop@example.org>\r\n"));
  }
  mail_delivery_close(delivery);
}

static void test_server(void) {
  with_server(deliver_to_server);
}

static void reuse_connections(struct context *context) {
  struct mail_delivery *delivery = open_to_server(context);
  for (int i = 0; i < 5; i++) {
    CU_ASSERT(status_is_ok(mail_deliver(delivery, context, many_parcels(context, MAILS), MAILS)));
  }
  CU_ASSERT_EQUAL(smtp_server_count(server), 5 * MAILS);
  CU_ASSERT(smtp_server_connections(server) <= 8);
  CU_ASSERT(smtp_server_connections(server) > 1);
  mail_delivery_close(delivery);
}

static void test_server_connections(void) {
  with_server(reuse_connections);
}

static void deliver_dots(struct context *context) {
  static const char body[] = ".\n..\n...\nend.\n.\nBcc: x@example.com\n";
  struct mail_delivery *delivery = open_to_server(context);
  struct mail_parcel parcel = {.mail = mail_to(context, "ada@example.com", body)};
  CU_ASSERT(status_is_ok(mail_deliver(delivery, context, &parcel, 1)));
  CU_ASSERT_EQUAL_FATAL(smtp_server_count(server), 1);
  const char *message = smtp_server_mail(server, 0)->message;
  CU_ASSERT_STRING_EQUAL(strstr(message, "\r\n\r\n") + 4, ".\r\n..\r\n...\r\nend.\r\n.\r\nBcc: x@example.com\r\n");
  mail_delivery_close(delivery);
}

static void test_server_dots(void) {
  with_server(deliver_dots);
}

/* An answer to one mail of three. */
struct answer {
  const char *command, *text;
  enum mail_outcome outcome;
};

static void answer_one(struct context *context, const struct answer *answer) {
  static const char *const addresses[] = {"a@example.com", "b@example.com", "c@example.com"};
  smtp_server_forget_answers(server);
  smtp_server_answer(server, answer->command, "b@example.com", answer->text, -1);
  struct mail_delivery *delivery = open_to_server(context);
  struct mail_parcel *parcels = parcels_to(context, addresses, 3);
  size_t before = smtp_server_count(server);
  bool good = status_is_ok(mail_deliver(delivery, context, parcels, 3)) && parcels[0].outcome == MAIL_TAKEN &&
              parcels[2].outcome == MAIL_TAKEN && smtp_server_count(server) == before + 2;
  bool as_expected = good && parcels[1].outcome == answer->outcome;
  if (!as_expected) printf("\n    %s %s: outcome %d", answer->command, answer->text, parcels[1].outcome);
  CU_ASSERT(as_expected);
  if (good && !strchr(answer->text, '\n')) CU_ASSERT_STRING_EQUAL(parcels[1].reason, answer->text);
  mail_delivery_close(delivery);
}

static void answer_many(struct context *context, const struct answer *answers, size_t count) {
  for (size_t i = 0; i < count; i++) answer_one(context, &answers[i]);
}

/* What mail servers answer of recipients and messages. */
static void refuse_some(struct context *context) {
  static const struct answer answers[] = {
      {"RCPT", "550 no such user here", MAIL_REFUSED},
      {"RCPT", "550 Unrouteable address", MAIL_REFUSED},
      {"RCPT", "550 Invalid recipient: <b@example.com>", MAIL_REFUSED},
      {"RCPT", "553 what an address", MAIL_REFUSED},
      {"RCPT", "501 <b@example.com>: malformed address", MAIL_REFUSED},
      {"RCPT", "556 domain takes no mail", MAIL_REFUSED},
      {"RCPT", "550 5.1.1 <b@example.com>: Recipient address rejected: User unknown", MAIL_REFUSED},
      {"RCPT", "550-5.1.1 The email account that you tried to reach does not exist.\r\n550 5.1.1 gsmtp", MAIL_REFUSED},
      {"RCPT", "550 5.1.1 no user of that name; our policy: https://example.com/relay", MAIL_REFUSED},
      {"RCPT", "550 5.1.2 <b@example.com>: Recipient address rejected: Domain not found", MAIL_REFUSED},
      {"RCPT", "501 5.1.3 Bad recipient address syntax", MAIL_REFUSED},
      {"RCPT", "550 5.1.6 moved", MAIL_REFUSED},
      {"RCPT", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", MAIL_REFUSED},
      {"RCPT", "556 5.1.10 null MX", MAIL_REFUSED},
      {"RCPT", "550 5.2.1 disabled", MAIL_REFUSED},
      {"RCPT", "550 5.4.1 Recipient address rejected: Access denied", MAIL_REFUSED},
      {"RCPT", "550 5.5.0 Requested action not taken: mailbox unavailable", MAIL_REFUSED},
      {"DATA", "552 too big", MAIL_REFUSED},
      {"data", "552 5.3.4 Message size exceeds fixed limit", MAIL_REFUSED},
      {"data", "554 spam", MAIL_REFUSED},
      {"data", "550 This message scored 12.3 spam points.", MAIL_REFUSED},
      {"data", "550 5.6.0 what a content", MAIL_REFUSED},
      {"data", "550 5.7.1 message content rejected", MAIL_REFUSED},
      {"data", "554 5.7.1 Spam message rejected", MAIL_REFUSED},
  };
  answer_many(context, answers, SUITE_SIZE(answers));
}

static void test_server_refuses(void) {
  with_server(refuse_some);
}

static void refuse_size(struct context *context) {
  static const char *const sizes[] = {"552 5.3.4 Message size exceeds fixed limit", "552 too big"};
  for (size_t i = 0; i < SUITE_SIZE(sizes); i++) {
    smtp_server_forget_answers(server);
    smtp_server_answer(server, "MAIL", NULL, sizes[i], 1);
    struct mail_delivery *delivery = open_to_server(context);
    struct mail_parcel parcel = many_parcels(context, 1)[0];
    CU_ASSERT(status_is_ok(mail_deliver(delivery, context, &parcel, 1)));
    CU_ASSERT_EQUAL(parcel.outcome, MAIL_REFUSED);
    mail_delivery_close(delivery);
  }
}

static void test_server_refuses_size(void) {
  with_server(refuse_size);
}

static void defer_some(struct context *context) {
  static const struct answer answers[] = {
      {"RCPT", "451 greylisted, come again", MAIL_DEFERRED},
      {"RCPT", "450 mailbox busy", MAIL_DEFERRED},
      {"RCPT", "450 4.2.0 <b@example.com>: Recipient address rejected: Greylisted", MAIL_DEFERRED},
      {"RCPT", "452 4.2.2 mailbox full", MAIL_DEFERRED},
      {"RCPT", "552 5.2.2 mailbox full", MAIL_DEFERRED},
      {"RCPT", "552 mailbox full", MAIL_DEFERRED},
      {"RCPT", "550 4.1.1 not for ever", MAIL_DEFERRED},
      {"data", "452 too many for now", MAIL_DEFERRED},
      {"data", "451 4.3.0 queue file write error", MAIL_DEFERRED},
      {"data", "554 5.3.0 the system is ill", MAIL_DEFERRED},
  };
  answer_many(context, answers, SUITE_SIZE(answers));
}

static void test_server_defers(void) {
  with_server(defer_some);
}

/* What mail servers answer to RCPT and later of the client: its name, address, rights and sender. */
static void refuse_us(struct context *context) {
  static const struct answer answers[] = {
      {"RCPT", "504 5.5.2 <shop>: Helo command rejected: need fully-qualified hostname", MAIL_DEFERRED},
      {"RCPT", "504 need fully-qualified hostname", MAIL_DEFERRED},
      {"RCPT", "450 4.7.1 <shop>: Helo command rejected: Host not found", MAIL_DEFERRED},
      {"RCPT", "550 5.7.1 <shop>: Helo command rejected: Host not found", MAIL_DEFERRED},
      {"RCPT", "554 5.7.1 <b@example.com>: Relay access denied", MAIL_DEFERRED},
      {"RCPT", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", MAIL_DEFERRED},
      {"RCPT", "550 5.1.8 <shop@localhost>: Sender address rejected: Domain not found", MAIL_DEFERRED},
      {"RCPT", "550 5.7.606 Access denied, banned sending IP [192.0.2.1]", MAIL_DEFERRED},
      {"RCPT", "530 5.7.0 Must issue a STARTTLS command first", MAIL_DEFERRED},
      {"RCPT", "530 log in first", MAIL_DEFERRED},
      {"RCPT", "550 relay not permitted", MAIL_DEFERRED},
      {"RCPT", "550-Verification failed for <shop@localhost>\r\n550 Sender verify failed", MAIL_DEFERRED},
      {"RCPT", "550 rejected because 192.0.2.1 is in a black list at bl.example.org", MAIL_DEFERRED},
      {"RCPT", "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", MAIL_DEFERRED},
      {"RCPT", "554 5.1.2.3 is a bad address of a client", MAIL_DEFERRED},
      {"RCPT", "554 no", MAIL_DEFERRED},
      {"DATA", "554 5.5.1 Error: no valid recipients", MAIL_DEFERRED},
      {"DATA", "503 recipients first", MAIL_DEFERRED},
      {"DATA", "554 not from you", MAIL_DEFERRED},
      {"data", "550 5.7.1 the IP you're using is not authorized to send mail directly", MAIL_DEFERRED},
      {"data", "550 5.7.26 unauthenticated mail: neither SPF nor DKIM", MAIL_DEFERRED},
      {"data", "554 Message rejected: Email address is not verified.", MAIL_DEFERRED},
      {"data", "550 The from address does not match a verified Sender Identity.", MAIL_DEFERRED},
      {"data", "554 5.2.252 SendAsDenied; shop@example.com not allowed to send as a@example.com", MAIL_DEFERRED},
  };
  answer_many(context, answers, SUITE_SIZE(answers));
}

static void test_server_refuses_us(void) {
  with_server(refuse_us);
}

/* The server does not work at all: no mail may be counted as refused. */
static void be_away(struct context *context, const char *command, const char *answer) {
  smtp_server_forget_answers(server);
  smtp_server_answer(server, command, NULL, answer, -1);
  struct mail_delivery *delivery = open_to_server(context);
  struct mail_parcel *parcels = many_parcels(context, 3);
  struct status status = mail_deliver(delivery, context, parcels, 3);
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "SMTP_UNREACHABLE");
  CU_ASSERT_EQUAL(outcomes(parcels, 3, MAIL_NOT_TRIED), 3);
  smtp_server_forget_answers(server);
  CU_ASSERT(status_is_ok(mail_deliver(delivery, context, parcels, 3)));
  CU_ASSERT_EQUAL(outcomes(parcels, 3, MAIL_TAKEN), 3);
  mail_delivery_close(delivery);
}

static void be_away_in_many_ways(struct context *context) {
  be_away(context, "connect", "554 no mail service");
  be_away(context, "connect", "421 too busy");
  be_away(context, "connect", SMTP_CLOSE);
  be_away(context, "EHLO", "554 5.7.1 you are on a list");
  be_away(context, "EHLO", "504 5.5.2 what a name");
  be_away(context, "MAIL", "550 5.1.1 this is about the sender all the same");
  be_away(context, "MAIL", "450 4.1.8 sender: domain not found");
  be_away(context, "MAIL", "530 log in first");
  be_away(context, "MAIL", "550 you may not send as that");
}

static void test_server_away(void) {
  with_server(be_away_in_many_ways);
}

static void be_down(struct context *context) {
  struct mail_delivery *delivery = open_to_server(context);
  struct mail_parcel *parcels = many_parcels(context, MAILS);
  smtp_server_stop(server);
  CU_ASSERT_EQUAL(mail_deliver(delivery, context, parcels, MAILS).code, STATUS_UNAVAILABLE);
  CU_ASSERT_EQUAL(outcomes(parcels, MAILS, MAIL_NOT_TRIED), MAILS);
  smtp_server_restart(server);
  CU_ASSERT(status_is_ok(mail_deliver(delivery, context, parcels, MAILS)));
  smtp_server_stop(server); /* now connections are open */
  CU_ASSERT_EQUAL(mail_deliver(delivery, context, parcels, MAILS).code, STATUS_UNAVAILABLE);
  smtp_server_restart(server);
  CU_ASSERT(status_is_ok(mail_deliver(delivery, context, parcels, MAILS)));
  CU_ASSERT_EQUAL(smtp_server_count(server), 2 * MAILS);
  mail_delivery_close(delivery);
}

static void test_server_down(void) {
  with_server(be_down);
}

/* A mail that makes the server drop the connection must not hold up the others for ever. */
static void kill_server(struct context *context, const char *command, const char *answer) {
  static const char *const addresses[] = {"b@example.com", "a@example.com"};
  smtp_server_forget_answers(server);
  smtp_server_answer(server, command, "b@example.com", answer, -1);
  struct mail_delivery *delivery = open_to_server(context);
  struct mail_parcel *parcels = parcels_to(context, addresses, 2);
  CU_ASSERT_EQUAL(mail_deliver(delivery, context, parcels, 2).code, STATUS_UNAVAILABLE);
  CU_ASSERT_EQUAL(parcels[0].outcome, MAIL_DEFERRED);
  CU_ASSERT_EQUAL(parcels[1].outcome, MAIL_NOT_TRIED);
  mail_delivery_close(delivery);
}

static void kill_server_in_some_ways(struct context *context) {
  kill_server(context, "RCPT", SMTP_CLOSE);
  kill_server(context, "RCPT", "421 going down");
  kill_server(context, "data", "421 4.7.28 too much of that");
  kill_server(context, "data", SMTP_CLOSE);
  kill_server(context, "data", SMTP_MUTE);
}

static void test_server_killed(void) {
  with_server(kill_server_in_some_ways);
}

static void be_mute(struct context *context) {
  struct mail_delivery *delivery = open_to_server(context);
  struct mail_parcel *parcels = many_parcels(context, 3);
  smtp_server_answer(server, "connect", NULL, SMTP_MUTE, -1);
  int64_t begin_us = clock_monotonic_us();
  CU_ASSERT_EQUAL(mail_deliver(delivery, context, parcels, 3).code, STATUS_UNAVAILABLE);
  CU_ASSERT(clock_monotonic_us() - begin_us < patience_us());
  mail_delivery_close(delivery);
}

static void test_server_mute(void) {
  with_server(be_mute);
}

/* curl would wait for the answer to QUIT, both after a refusal and at the end. */
static void be_mute_at_quit(struct context *context) {
  static const char *const addresses[] = {"a@example.com", "b@example.com", "a@example.com"};
  smtp_server_answer(server, "RCPT", "b@example.com", "550 no", -1);
  smtp_server_answer(server, "QUIT", NULL, SMTP_MUTE, -1);
  struct mail_delivery *delivery = open_to_server(context);
  struct mail_parcel *parcels = parcels_to(context, addresses, 3);
  int64_t begin_us = clock_monotonic_us();
  CU_ASSERT(status_is_ok(mail_deliver(delivery, context, parcels, 3)));
  CU_ASSERT_EQUAL(outcomes(parcels, 3, MAIL_TAKEN), 2);
  mail_delivery_close(delivery);
  CU_ASSERT(clock_monotonic_us() - begin_us < patience_us());
}

static void test_server_mute_at_quit(void) {
  with_server(be_mute_at_quit);
}

static void log_in(struct context *context) {
  const struct mail_delivery_options options = {.smtp_url = smtp_server_url(server),
                                                .smtp_user = "shop",
                                                .smtp_password = "secret",
                                                .smtp_tls = MAIL_TLS_OFF,
                                                .smtp_timeout_seconds = TIMEOUT_SECONDS,
                                                .from = "shop@localhost"};
  struct mail_delivery *delivery = open_delivery(context, &options);
  struct mail_parcel parcel = {.mail = mail_to(context, "ada@example.com", "Hello\n")};
  CU_ASSERT(status_is_ok(mail_deliver(delivery, context, &parcel, 1)));
  CU_ASSERT_STRING_EQUAL(smtp_server_login(server), "AHNob3AAc2VjcmV0"); /* NUL shop NUL secret */
  mail_delivery_close(delivery);

  delivery = open_delivery(context, &options);
  smtp_server_answer(server, "AUTH", NULL, "535 wrong", -1);
  CU_ASSERT_EQUAL(mail_deliver(delivery, context, &parcel, 1).code, STATUS_UNAVAILABLE);
  CU_ASSERT_EQUAL(parcel.outcome, MAIL_NOT_TRIED);
  mail_delivery_close(delivery);
}

static void test_server_login(void) {
  with_server(log_in);
}

/* The server has no TLS, or somebody in between says so. */
static void do_without_tls(struct context *context, struct mail_delivery_options options, const char *said) {
  options.smtp_url = smtp_server_url(server);
  options.smtp_timeout_seconds = TIMEOUT_SECONDS;
  options.from = "shop@localhost";
  struct mail_delivery *delivery = open_delivery(context, &options);
  struct mail_parcel parcel = {.mail = mail_to(context, "ada@example.com", "Hello\n")};
  struct status status = mail_deliver(delivery, context, &parcel, 1);
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, said));
  CU_ASSERT_EQUAL(parcel.outcome, MAIL_NOT_TRIED);
  CU_ASSERT_EQUAL(smtp_server_count(server), 0);
  CU_ASSERT_STRING_EQUAL(smtp_server_login(server), "");
  mail_delivery_close(delivery);
}

static void require_tls(struct context *context) {
  do_without_tls(context, (struct mail_delivery_options){.smtp_tls = MAIL_TLS_REQUIRE}, "STARTTLS");
}

static void test_server_tls(void) {
  with_server(require_tls);
}

static void keep_password(struct context *context) {
  const struct mail_delivery_options options = {.smtp_user = "shop", .smtp_password = "secret"};
  do_without_tls(context, options, "ORDERSHOP_SMTP_TLS");
  smtp_server_answer(server, "EHLO", NULL, "250-STARTTLS\r\n250 AUTH PLAIN LOGIN", -1); /* but refuses it */
  do_without_tls(context, options, "ORDERSHOP_SMTP_TLS");
  smtp_server_forget_answers(server);
  smtp_server_answer(server, "EHLO", NULL, "554 no extensions", -1); /* HELO follows */
  do_without_tls(context, options, "");
}

static void test_server_password(void) {
  with_server(keep_password);
}

/* ---- the name in EHLO ------------------------------------------------------------------------------------------- */

static const char *hello_of(struct context *context, const char *name) {
  const struct mail_delivery_options options = {.smtp_url = smtp_server_url(server),
                                                .smtp_name = name,
                                                .smtp_timeout_seconds = TIMEOUT_SECONDS,
                                                .from = "shop@localhost"};
  struct mail_delivery *delivery = open_delivery(context, &options);
  struct mail_parcel *parcels = many_parcels(context, 1);
  CU_ASSERT(status_is_ok(mail_deliver(delivery, context, parcels, 1)));
  mail_delivery_close(delivery);
  return smtp_server_hello(server);
}

/* What `hostname --fqdn` says; "" means it is no whole name. */
static void fully_qualified(char name[256]) {
  FILE *output = popen("hostname --fqdn 2>/dev/null", "re");
  if (!output || !fgets(name, 256, output)) name[0] = '\0';
  if (output) pclose(output);
  name[strcspn(name, "\n")] = '\0';
  if (!strchr(name, '.')) name[0] = '\0';
}

static void say_hello(struct context *context) {
  CU_ASSERT_STRING_EQUAL(hello_of(context, "shop.example.com"), "shop.example.com");
  CU_ASSERT_STRING_EQUAL(hello_of(context, "[192.0.2.1]"), "[192.0.2.1]");
  CU_ASSERT_STRING_EQUAL(hello_of(context, "[IPv6:2001:db8::1]"), "[IPv6:2001:db8::1]");
  char name[256];
  fully_qualified(name);
  if (!*name) gethostname(name, sizeof name - 1);
  CU_ASSERT_STRING_EQUAL(hello_of(context, NULL), name);
}

static void test_server_hello(void) {
  with_server(say_hello);
}

static void test_names(void) {
  static const char *const good[] = {"shop.example.com", "localhost", "a-b.c1", "[127.0.0.1]", "[IPv6:::1]"};
  static const char *const bad[] = {"",      " ",         "a b",         "a.b\r\nMAIL", "-a.b",  "a..b",
                                    "a.b.",  "a_b.c",     "[127.0.0.1",  "[1.2.3]",     "[::1]", "[IPv6:1.2.3.4]",
                                    "a.b/c", "b\xC3\xBC", "[127.0.0.1]x"};
  for (size_t i = 0; i < SUITE_SIZE(good); i++) CU_ASSERT(smtp_name_is_valid(good[i]));
  for (size_t i = 0; i < SUITE_SIZE(bad); i++) CU_ASSERT_FALSE(smtp_name_is_valid(bad[i]));
}

static void inject(struct context *context) {
  static const char *const addresses[] = {"a@example.com>\r\nRCPT TO:<x@example.com", "a@example.com\nDATA",
                                          "a@example.com> SIZE=1", "a@example.com"};
  struct mail_delivery *delivery = open_to_server(context);
  struct mail_parcel *parcels = parcels_to(context, addresses, 4);
  CU_ASSERT(status_is_ok(mail_deliver(delivery, context, parcels, 4)));
  CU_ASSERT_EQUAL(outcomes(parcels, 3, MAIL_REFUSED), 3);
  CU_ASSERT_EQUAL(parcels[3].outcome, MAIL_TAKEN);
  CU_ASSERT_EQUAL(smtp_server_count(server), 1);
  mail_delivery_close(delivery);
}

static void test_server_injection(void) {
  with_server(inject);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"without a server mails are files in a folder, which is made", test_folder},
      {"threads that write files give way to the one that answers calls", test_folder_patient},
      {"delivering again leaves one file, whatever a killed process left", test_folder_again},
      {"a folder that can't be written holds up delivery and refuses nothing", test_folder_lost},
      {"an id that is no UUID is no file's name", test_folder_outside},
      {"a folder that can't be made is an error at the start", test_folder_bad},
      {"a mail server gets each mail with its envelope", test_server},
      {"connections are used again, and are at most eight", test_server_connections},
      {"lines of dots reach the server as they are", test_server_dots},
      {"a 5xx about a recipient or a message refuses that mail, and others go on", test_server_refuses},
      {"a message that is too big for the server is refused at MAIL", test_server_refuses_size},
      {"what is for now, or about the server, defers that mail, and others go on", test_server_defers},
      {"a 5xx about our name, address, rights or sender defers that mail, and others go on", test_server_refuses_us},
      {"a failure that is not about a mail leaves all mails to be tried again", test_server_away},
      {"mails wait while the server is down and are all delivered afterwards", test_server_down},
      {"a mail that ends its connection is deferred", test_server_killed},
      {"a server that does not answer costs the timeout, once", test_server_mute},
      {"a server that does not answer QUIT is not waited for", test_server_mute_at_quit},
      {"a login is made where it is configured, and a refused one refuses no mail", test_server_login},
      {"required TLS is not done without", test_server_tls},
      {"a password is not sent without TLS, whoever takes STARTTLS out of the dialog", test_server_password},
      {"EHLO says the configured name, or the machine's whole one", test_server_hello},
      {"a name for EHLO is a domain or an address literal", test_names},
      {"addresses with SMTP in them are not said to the server", test_server_injection},
  };
  return suite_main("mail delivery", tests, SUITE_SIZE(tests), make_folder, remove_folder, argc, argv);
}
