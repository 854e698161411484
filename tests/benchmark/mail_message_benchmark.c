/* SPDX-License-Identifier: Apache-2.0 */
/* What composing a mail costs, in microseconds of this thread's CPU each: the mail that thanks for an order of three
 * products, and one whose subject and body go beyond ASCII. Not a test: it prints, it judges nothing.
 *
 *   mail_message_benchmark [MAILS]     how many of each are composed, 50,000 without */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/timestamp.h"
#include "mail_message.h"

static double cpu_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void measure(const char *what, const char *subject, const char *body, enum mail_form form, int mails) {
  static const struct mail_sender sender = {.name = "OrderShop", .address = "shop@localhost"};
  double started_us = 0;
  for (int i = -mails / 10; i < mails; i++) { /* those before 0 warm up */
    if (i == 0) started_us = cpu_us();
    struct arena *arena = arena_new();
    Ordershop__V1__Mail mail = ORDERSHOP__V1__MAIL__INIT;
    mail.id = "6f1c2a34-0000-4000-8000-00000000abcd";
    mail.to = "ada.lovelace@example.com";
    mail.subject = (char *)subject;
    mail.body = (char *)body;
    mail.create_time = timestamp_new(arena, INT64_C(1548699678802091) + i * INT64_C(1000));
    mail_message_compose(arena, &mail, &sender, form);
    arena_free(arena);
  }
  printf("%-44s %8.1f us\n", what, (cpu_us() - started_us) / mails);
}

int main(int argc, char **argv) {
  static const char thanks[] =
      "Dear Ada,\n\nthank you for your order. You ordered:\n\n  1 x Pencil at EUR 1.20\n"
      "  2 x Paper at EUR 4.80\n  3 x Ruler at EUR 2.00\n\nTogether: EUR 16.80\n";
  static const char gruss[] =
      "Guten Tag Frau Müller,\n\nvielen Dank für Ihre Bestellung. Es sind:\n\n"
      "  1 x Füller zu EUR 12,00\n  2 x Blöcke zu EUR 4,80\n\nZusammen: EUR 21,60\n";
  int mails = argc > 1 ? atoi(argv[1]) : 50000;
  measure("ASCII, into a file", "Thank you for your order", thanks, MAIL_FORM_FILE, mails);
  measure("ASCII, for a server", "Thank you for your order", thanks, MAIL_FORM_SMTP, mails);
  measure("beyond ASCII, into a file", "Danke für Ihre Bestellung", gruss, MAIL_FORM_FILE, mails);
  measure("beyond ASCII, for a server", "Danke für Ihre Bestellung", gruss, MAIL_FORM_SMTP, mails);
  return 0;
}
