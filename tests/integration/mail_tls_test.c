/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery to mail servers with TLS. The server is a small one in Python, whose standard library has TLS. */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "mail_delivery.h"
#include "suite.h"

static char folder[64], certificate[96], key[96];

/* The server of a test: its process, and what it is told and says. */
static struct {
  pid_t process;
  int input;
  FILE *output;
  char url[64];
} server;

static int make_certificate(void) {
  char command[512];
  strcpy(folder, "/tmp/mail_tls.XXXXXX");
  if (!mkdtemp(folder)) return 1;
  snprintf(certificate, sizeof certificate, "%s/certificate.pem", folder);
  snprintf(key, sizeof key, "%s/key.pem", folder);
  snprintf(command, sizeof command,
           "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
           "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout %s -out %s 2>/dev/null",
           key, certificate);
  if (system(command) == 0) return 0;
  fprintf(stderr, "mail tls test: openssl makes no certificate; is it installed?\n");
  return 1;
}

static int remove_file(const char *path, const struct stat *status, int type, struct FTW *walk) {
  (void)status, (void)type, (void)walk;
  return remove(path);
}

static int remove_folder(void) {
  return nftw(folder, remove_file, 16, FTW_DEPTH | FTW_PHYS);
}

static _Noreturn void become_server(const char *mode, const int in[2], const int out[2]) {
  dup2(in[0], STDIN_FILENO);
  dup2(out[1], STDOUT_FILENO);
  execlp("python3", "python3", ORDERSHOP_SOURCE_BUILT "/tests/support/smtp_tls_server.py", mode, certificate, key,
         (char *)NULL);
  _exit(1);
}

static void start_server(const char *mode) {
  int in[2], out[2];
  char port[16];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) exit(2);
  server.process = fork();
  if (server.process == 0) become_server(mode, in, out);
  close(in[0]);
  close(out[1]);
  server.input = in[1];
  server.output = fdopen(out[0], "r");
  if (!fgets(port, sizeof port, server.output)) {
    fprintf(stderr, "mail tls test: the server does not start; is python3 installed?\n");
    exit(2);
  }
  snprintf(server.url, sizeof server.url, "%s://127.0.0.1:%d", strcmp(mode, "smtps") == 0 ? "smtps" : "smtp",
           atoi(port));
}

/* Ends the server; *ret_line is the first mail that it took, "" for none. */
static void stop_server(char ret_line[128]) {
  close(server.input);
  if (!fgets(ret_line, 128, server.output)) ret_line[0] = '\0';
  fclose(server.output);
  waitpid(server.process, NULL, 0);
}

static struct status deliver_by(struct context *context, struct mail_delivery_options options, enum mail_outcome *ret) {
  options.smtp_url = server.url;
  options.smtp_timeout_seconds = 10;
  options.from = "shop@localhost";
  Ordershop__V1__Mail mail = ORDERSHOP__V1__MAIL__INIT;
  mail.id = (char *)uuid_random(context->arena);
  mail.to = (char *)"ada@example.com";
  mail.subject = mail.body = (char *)"Hello";
  struct mail_parcel parcel = {.mail = &mail};
  struct mail_delivery *delivery;
  struct status status = mail_delivery_open(coroutine_loop(), context->arena, &options, &delivery);
  CU_ASSERT_FATAL(status_is_ok(status));
  status = mail_deliver(delivery, context, &parcel, 1);
  mail_delivery_close(delivery);
  *ret = parcel.outcome;
  return status;
}

static struct status deliver(struct context *context, const char *ca_file, enum mail_tls tls, enum mail_outcome *ret) {
  return deliver_by(context, (struct mail_delivery_options){.smtp_tls = tls, .smtp_ca_file = ca_file}, ret);
}

static void deliver_trusted(struct context *context, enum mail_tls tls) {
  enum mail_outcome outcome;
  CU_ASSERT(status_is_ok(deliver(context, certificate, tls, &outcome)));
  CU_ASSERT_EQUAL(outcome, MAIL_TAKEN);
}

static void deliver_tried(struct context *context) {
  deliver_trusted(context, MAIL_TLS_TRY);
}

static void deliver_required(struct context *context) {
  deliver_trusted(context, MAIL_TLS_REQUIRE);
}

static void deliver_off(struct context *context) {
  deliver_trusted(context, MAIL_TLS_OFF);
}

static void deliver_with_login(struct context *context) {
  const struct mail_delivery_options options = {
      .smtp_user = "shop", .smtp_password = "secret", .smtp_ca_file = certificate};
  enum mail_outcome outcome;
  CU_ASSERT(status_is_ok(deliver_by(context, options, &outcome)));
  CU_ASSERT_EQUAL(outcome, MAIL_TAKEN);
}

static void deliver_untrusted(struct context *context) {
  enum mail_outcome outcome;
  CU_ASSERT_EQUAL(deliver(context, NULL, MAIL_TLS_TRY, &outcome).code, STATUS_UNAVAILABLE);
  CU_ASSERT_EQUAL(outcome, MAIL_NOT_TRIED);
}

/* What the server has taken after `body`. */
static void check(const char *mode, void (*body)(struct context *context), const char *taken) {
  char line[128];
  start_server(mode);
  in_coroutine(body);
  stop_server(line);
  CU_ASSERT_STRING_EQUAL(line, taken);
}

static void test_smtps(void) {
  check("smtps", deliver_tried, "tls ada@example.com\n");
}

static void test_starttls(void) {
  check("starttls", deliver_tried, "tls ada@example.com\n");
  check("starttls", deliver_required, "tls ada@example.com\n");
}

static void test_off(void) {
  check("starttls", deliver_off, "plain ada@example.com\n");
  check("smtps", deliver_off, "tls ada@example.com\n");
}

static void test_login(void) {
  check("starttls", deliver_with_login, "tls AHNob3AAc2VjcmV0 ada@example.com\n"); /* NUL shop NUL secret */
  check("smtps", deliver_with_login, "tls AHNob3AAc2VjcmV0 ada@example.com\n");
}

static void test_untrusted(void) {
  check("smtps", deliver_untrusted, "");
  check("starttls", deliver_untrusted, "");
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"smtps:// delivers over TLS", test_smtps},
      {"smtp:// delivers over TLS where the server offers STARTTLS", test_starttls},
      {"TLS that is off is not begun, but smtps:// has it", test_off},
      {"a login is made over TLS", test_login},
      {"a server whose certificate nobody vouches for gets no mail", test_untrusted},
  };
  return suite_main("mail over TLS", tests, SUITE_SIZE(tests), make_certificate, remove_folder, argc, argv);
}
