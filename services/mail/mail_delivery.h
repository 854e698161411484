/* Mail delivery: hands mails on, to a mail server (mail_smtp.h) or, where none is configured, to a folder
 * (mail_folder.h).
 *
 * Delivering a mail again does no harm: a file is written over, a mail server gets the same Message-ID.
 * Threads: the loop's; functions that say "parks" are for coroutines. */
#pragma once

#include <ordershop/v1/mail.pb-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/context.h"
#include "base/status.h"
#include "loop/loop.h"

enum mail_outcome {
  MAIL_NOT_TRIED, /* or interrupted: the mail server, or the folder, doesn't work. Says nothing of the mail */
  MAIL_TAKEN,
  MAIL_REFUSED,  /* for good, for what this mail is */
  MAIL_DEFERRED, /* this mail for now (4xx); others may well be taken */
};

struct mail_parcel {
  const Ordershop__V1__Mail *mail;
  enum mail_outcome outcome; /* out */
  const char *reason;        /* out: why it wasn't taken; lives in the context's arena. NULL: taken */
};

struct mail_delivery;

/* The settings ORDERSHOP_SMTP_... and ORDERSHOP_MAIL_FOLDER; for service_definition.settings. */
enum { MAIL_DELIVERY_SETTINGS = 8 };
extern const struct setting mail_delivery_settings[MAIL_DELIVERY_SETTINGS];

struct mail_delivery_options {
  const char *smtp_url; /* "smtp://host:port", "smtps://host:port"; "" or NULL: into the folder */
  const char *smtp_user;
  const char *smtp_password; /* NULL: none */
  bool smtp_tls_required;    /* else smtp:// goes without where the server has none */
  const char *smtp_ca_file;  /* NULL: the system's */
  int64_t smtp_timeout_seconds;
  const char *from;   /* "OrderShop <shop@localhost>" */
  const char *folder; /* made if it isn't there */
};

/* What the settings say. Errors: INVALID_ARGUMENT (the password's file). */
struct status mail_delivery_options_read(struct arena *arena, struct mail_delivery_options *ret_options);

/* Errors: INVALID_ARGUMENT (sender; folder that can't be made or written). The options' texts must live as long. */
struct status mail_delivery_open(struct loop *loop, struct arena *arena, const struct mail_delivery_options *options,
                                 struct mail_delivery **ret_delivery);

/* From now on begins nothing more: deliveries under way end soon, with what has been taken, UNAVAILABLE (STOPPING). */
void mail_delivery_stop(struct mail_delivery *delivery);

/* No delivery may be under way. */
void mail_delivery_close(struct mail_delivery *delivery);

/* Delivers all parcels, several at once, and fills in how that went. Parks. When server or folder doesn't work, the
 * rest isn't tried and the status says why: UNAVAILABLE (SMTP_UNREACHABLE, MAIL_FOLDER_UNWRITABLE). */
struct status mail_deliver(struct mail_delivery *delivery, struct context *context, struct mail_parcel *parcels,
                           size_t count);
