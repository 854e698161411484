/* SPDX-License-Identifier: Apache-2.0 */
#include "mail_delivery.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "mail_folder.h"
#include "mail_message.h"
#include "mail_retry.h"
#include "mail_smtp.h"
#include "shop_reasons.h"

struct mail_delivery {
  struct mail_smtp *smtp; /* one of the two */
  struct mail_folder *folder;
  int64_t give_up_us;
  bool alarmed; /* the log says that mails can't be delivered */
  struct deferral_log deferrals;
};

/* ---- settings --------------------------------------------------------------------------------------------------- */

static const char *const tls_words[] = {
    [MAIL_TLS_TRY] = "try", [MAIL_TLS_REQUIRE] = "require", [MAIL_TLS_OFF] = "off", NULL};

static struct {
  const char *url, *from, *name, *user, *password, *ca_file, *folder;
  int tls;
  int64_t timeout_seconds, give_up_seconds;
} settings;

static bool starts_with(const char *text, const char *start) {
  return strncmp(text, start, strlen(start)) == 0;
}

static const char *check_url(const char *value) {
  static const char *const allowed = "a URL smtp://host:port or smtps://host:port (user and password are settings)";
  bool secure = starts_with(value, "smtps://");
  if (!secure && !starts_with(value, "smtp://")) return allowed;
  const char *host = strstr(value, "://") + 3;
  bool good = *host && !strpbrk(host, "@/?# \t\r\n");
  return good ? NULL : allowed;
}

static const char *check_from(const char *value) {
  struct arena *arena = arena_new();
  bool good = mail_sender_parse(arena, value);
  arena_free(arena);
  return good ? NULL : "an address, as in \"OrderShop <shop@example.com>\"";
}

static const char *check_smtp_name(const char *value) {
  return smtp_name_is_valid(value) ? NULL
                                   : "a domain, as in \"shop.example.com\", or an address, as in \"[192.0.2.1]\"";
}

static const char *check_readable(const char *value) {
  return access(value, R_OK) == 0 ? NULL : "a file that can be read";
}

const struct setting mail_delivery_settings[MAIL_DELIVERY_SETTINGS] = {
    {.variable = "ORDERSHOP_SMTP_URL",
     .kind = SETTING_TEXT,
     .target = &settings.url,
     .help = "mail server, smtp://host:port or smtps://host:port; without one mails go to the folder",
     .check = check_url},
    {.variable = "ORDERSHOP_SMTP_FROM",
     .kind = SETTING_TEXT,
     .target = &settings.from,
     .fallback = "OrderShop <shop@localhost>",
     .help = "sender of all mails",
     .check = check_from},
    {.variable = "ORDERSHOP_SMTP_NAME",
     .kind = SETTING_TEXT,
     .target = &settings.name,
     .help = "what to call this machine to the mail server (EHLO); its fully qualified domain name without",
     .check = check_smtp_name},
    {.variable = "ORDERSHOP_SMTP_USER",
     .kind = SETTING_TEXT,
     .target = &settings.user,
     .help = "login at the mail server, if it wants one"},
    {.variable = "ORDERSHOP_SMTP_PASSWORD_FILE",
     .kind = SETTING_SECRET,
     .target = &settings.password,
     .help = "file with the password of that login"},
    {.variable = "ORDERSHOP_SMTP_TLS",
     .kind = SETTING_CHOICE,
     .target = &settings.tls,
     .fallback = "try",
     .help =
         "smtp:// only: TLS where the server offers it, and always with a login (try); always; never, the password in "
         "clear",
     .choices = tls_words},
    {.variable = "ORDERSHOP_SMTP_CA_FILE",
     .kind = SETTING_TEXT,
     .target = &settings.ca_file,
     .help = "PEM file with the authorities that the mail server's certificate may be from; the system's without",
     .check = check_readable},
    {.variable = "ORDERSHOP_SMTP_TIMEOUT",
     .kind = SETTING_INTEGER,
     .target = &settings.timeout_seconds,
     .fallback = "30",
     .unit = "s",
     .help = "for one mail, connecting included",
     .min = 1,
     .max = 600},
    {.variable = "ORDERSHOP_MAIL_GIVE_UP_SECONDS",
     .kind = SETTING_INTEGER,
     .target = &settings.give_up_seconds,
     .fallback = "432000",
     .unit = "s",
     .help = "how long a mail that the mail server defers is tried again before it is FAILED",
     .min = 1,
     .max = 31536000},
    {.variable = "ORDERSHOP_MAIL_FOLDER",
     .kind = SETTING_TEXT,
     .target = &settings.folder,
     .fallback = "mail",
     .help = "folder for mails where there is no mail server"},
};

struct mail_delivery_options mail_delivery_options_read(void) {
  return (struct mail_delivery_options){
      .smtp_url = settings.url,
      .smtp_user = settings.user,
      .smtp_password = settings.password,
      .smtp_tls = (enum mail_tls)settings.tls,
      .smtp_ca_file = settings.ca_file,
      .smtp_name = settings.name,
      .smtp_timeout_seconds = settings.timeout_seconds,
      .give_up_seconds = settings.give_up_seconds,
      .from = settings.from,
      .folder = settings.folder,
  };
}

/* ---- delivery --------------------------------------------------------------------------------------------------- */

static struct status open_folder(struct arena *arena, const struct mail_delivery_options *options,
                                 const struct mail_sender *from, struct mail_delivery *delivery) {
  struct status status = mail_folder_open(arena, options->folder, from, &delivery->folder);
  if (status_is_ok(status)) log_event(LOG_INFO, "mails go to a folder", "folder", options->folder, NULL);
  return status;
}

static void open_smtp(struct loop *loop, struct arena *arena, const struct mail_delivery_options *options,
                      const struct mail_sender *from, struct mail_delivery *delivery) {
  delivery->smtp = mail_smtp_open(loop, arena, options, from);
  log_event(LOG_INFO, "mails go to a server", "server", options->smtp_url, NULL);
  if (options->smtp_password && options->smtp_tls == MAIL_TLS_OFF && starts_with(options->smtp_url, "smtp:")) {
    log_event(LOG_WARN, "the mail server gets the password unencrypted, as ORDERSHOP_SMTP_TLS has it", NULL);
  }
}

struct status mail_delivery_open(struct loop *loop, struct arena *arena, const struct mail_delivery_options *options,
                                 struct mail_delivery **ret_delivery) {
  const struct mail_sender *from = mail_sender_parse(arena, options->from);
  if (!from) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_mail_sender_invalid, "\"%s\" is no sender",
                        options->from);
  }
  struct mail_delivery *delivery = arena_calloc(arena, 1, sizeof *delivery);
  delivery->give_up_us = options->give_up_seconds * INT64_C(1000000);
  if (options->smtp_url) {
    open_smtp(loop, arena, options, from, delivery);
  } else {
    struct status status = open_folder(arena, options, from, delivery);
    if (!status_is_ok(status)) return status;
  }
  *ret_delivery = delivery;
  return status_ok();
}

int64_t mail_delivery_give_up_us(const struct mail_delivery *delivery) {
  return delivery->give_up_us;
}

void mail_delivery_stop(struct mail_delivery *delivery) {
  if (delivery->smtp) mail_smtp_stop(delivery->smtp);
}

void mail_delivery_close(struct mail_delivery *delivery) {
  if (delivery->smtp) mail_smtp_close(delivery->smtp);
}

static void say(struct mail_delivery *delivery, struct status status) {
  bool failed = !status_is_ok(status);
  if (failed == delivery->alarmed || status_is(status, reason_stopping)) return;
  delivery->alarmed = failed;
  if (failed) {
    log_event(LOG_WARN, "mails can't be delivered, they are tried again", "reason", status.message, NULL);
  } else {
    log_event(LOG_INFO, "mails are delivered again", NULL);
  }
}

coroutine_fn struct status mail_deliver(struct mail_delivery *delivery, struct context *context,
                                        struct mail_parcel *parcels, size_t count) {
  for (size_t i = 0; i < count; i++) {
    parcels[i].outcome = MAIL_NOT_TRIED;
    parcels[i].reason = NULL;
  }
  struct status status = delivery->smtp ? mail_smtp_deliver(delivery->smtp, context, parcels, count)
                                        : mail_folder_deliver(delivery->folder, context, parcels, count);
  say(delivery, status);
  deferral_log_note(&delivery->deferrals, parcels, count);
  return status;
}

bool mail_delivery_defers(const struct mail_delivery *delivery) {
  return delivery->deferrals.count > 0;
}

void mail_delivery_review(struct mail_delivery *delivery, bool any_deferred) {
  deferral_log_review(&delivery->deferrals, any_deferred);
}
