/* SPDX-License-Identifier: Apache-2.0 */
/* Mail delivery: hands mails on, to a mail server (mail_smtp.h) or, where none is configured, to a folder
 * (mail_folder.h).
 *
 * Delivering a mail again does no harm: a file is written over, a mail server gets the same Message-ID.
 * Threads: the loop's; functions marked coroutine_fn may yield. */
#pragma once

#include <ordershop/v1/mail.pb-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "loop/loop.h"

enum mail_outcome {
  MAIL_NOT_TRIED, /* or interrupted: the mail server, or the folder, doesn't work. This says nothing of the mail */
  MAIL_TAKEN,
  MAIL_REFUSED,  /* for good, because of this mail itself */
  MAIL_DEFERRED, /* not taken for now; others may well be taken */
};

struct mail_parcel {
  const Ordershop__V1__Mail *mail;
  enum mail_outcome outcome; /* out */
  const char *reason;        /* out: why it wasn't taken; lives in the context's arena. NULL means taken */
};

struct mail_delivery;

/* The settings ORDERSHOP_SMTP_... and ORDERSHOP_MAIL_...; for service_definition.settings. */
enum { MAIL_DELIVERY_SETTINGS = 10 };
extern const struct setting mail_delivery_settings[MAIL_DELIVERY_SETTINGS];

/* For smtp://; with smtps:// there is TLS from the beginning. */
enum mail_tls {
  MAIL_TLS_TRY,     /* where the server offers it; always with a login */
  MAIL_TLS_REQUIRE, /* or nothing is delivered */
  MAIL_TLS_OFF,     /* never, and the password goes as it is */
};

struct mail_delivery_options {
  const char *smtp_url; /* "smtp://host:port", "smtps://host:port"; NULL means into the folder */
  const char *smtp_user;
  const char *smtp_password; /* NULL if there is none */
  enum mail_tls smtp_tls;
  const char *smtp_ca_file; /* NULL means the system's */
  const char *smtp_name;    /* for EHLO; NULL means the machine's (its fully qualified domain name) */
  int64_t smtp_timeout_seconds;
  int64_t give_up_seconds;
  const char *from;   /* "OrderShop <shop@localhost>" */
  const char *folder; /* made if it isn't there */
};

/* What the settings say. */
struct mail_delivery_options mail_delivery_options_read(void);

/* Errors: INVALID_ARGUMENT (sender; folder that can't be made or written). The options' texts must live as long as the
 * delivery. */
struct status mail_delivery_open(struct loop *loop, struct arena *arena, const struct mail_delivery_options *options,
                                 struct mail_delivery **ret_delivery);

/* How long a mail that is deferred is tried again, from its first deferral on. */
int64_t mail_delivery_give_up_us(const struct mail_delivery *delivery);

/* From now on nothing more is begun: deliveries under way end soon, with what has been taken, as UNAVAILABLE
 * (STOPPING). */
void mail_delivery_stop(struct mail_delivery *delivery);

/* Closes it; no delivery may be under way. */
void mail_delivery_close(struct mail_delivery *delivery);

/* Delivers all parcels, several at once, and fills in how that went. When server or folder doesn't work, the
 * rest isn't tried and the status says why: UNAVAILABLE (SMTP_UNREACHABLE, MAIL_FOLDER_UNWRITABLE). The log says it
 * once when that begins and once when it ends; of deferrals likewise, once for each reason (mail_retry.h). */
coroutine_fn struct status mail_deliver(struct mail_delivery *delivery, struct context *context,
                                        struct mail_parcel *parcels, size_t count);

/* mail_delivery_defers returns whether it has been logged that mails are deferred, and not yet that this is over. While
 * it is true, mail_delivery_review is to be told now and then whether any mail is deferred. */
bool mail_delivery_defers(const struct mail_delivery *delivery);
void mail_delivery_review(struct mail_delivery *delivery, bool any_deferred);
