/* SPDX-License-Identifier: Apache-2.0 */
#include "mail_smtp.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <limits.h>
#include <netdb.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/email.h"
#include "base/memory.h"
#include "loop/coroutine.h"
#include "shop_reasons.h"
#include "smtp_dialog.h"
#include "smtp_outcome.h"

enum { CONNECTIONS = 8, CONNECT_SECONDS_MAX = 10 };
static const int64_t STOP_US = 5 * INT64_C(1000000); /* the time left to what is under way when the service stops */

/* What the threads do while the coroutine that made it has yielded. Guarded by the mutex, but for the parcels, each of
 * which belongs to the thread that took it. */
struct batch {
  struct mail_parcel *parcels;
  size_t count, taken, finished;
  const char *away;    /* why the server doesn't work; NULL if it does */
  struct arena *arena; /* the coroutine's, which leaves it alone meanwhile */
  struct coroutine *coroutine;
  struct loop_task over;
  bool stopped; /* the rest isn't tried because the service ends */
  bool done;    /* the loop's */
  struct batch *next;
};

/* A thread and its connection. */
struct worker {
  struct mail_smtp *smtp;
  pthread_t thread;
  CURL *easy;
  curl_socket_t socket; /* CURL_SOCKET_BAD: none */
  struct mail_message message;
  size_t sent;
  struct smtp_dialog dialog;
  char error[CURL_ERROR_SIZE];
};

struct mail_smtp {
  struct loop *loop;
  struct mail_delivery_options options;
  const struct mail_sender *from;
  struct worker workers[CONNECTIONS];
  pthread_mutex_t mutex; /* guards what follows */
  pthread_cond_t changed;
  char name[256];             /* what EHLO says; "" means neither told nor found out so far */
  struct batch *first, *last; /* queue */
  int under_way;              /* mails */
  bool works;                 /* as far as known; a server that doesn't is tried by one mail at a time */
  int64_t give_up_us;         /* set by mail_smtp_stop; 0 means not yet */
  bool closing;
};

/* ---- the connection --------------------------------------------------------------------------------------------- */

static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
  (void)purpose;
  struct worker *worker = user;
  worker->socket = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  return worker->socket;
}

static int close_socket(void *user, curl_socket_t closed) {
  struct worker *worker = user;
  if (worker->socket == closed) worker->socket = CURL_SOCKET_BAD;
  return close(closed);
}

/* Makes curl not wait for the answer to QUIT: a server that owes it may owe it for long. */
static void stop_listening(struct worker *worker) {
  if (worker->socket != CURL_SOCKET_BAD) shutdown(worker->socket, SHUT_RD);
}

static int listen_in(CURL *easy, curl_infotype type, char *bytes, size_t size, void *user) {
  (void)easy;
  struct worker *worker = user;
  if (type == CURLINFO_HEADER_OUT) smtp_dialog_command(&worker->dialog, bytes, size);
  if (type == CURLINFO_HEADER_IN) smtp_dialog_reply(&worker->dialog, bytes, size);
  if (worker->dialog.quit) stop_listening(worker);
  return 0;
}

/* curl asks about once a second whether to go on. */
static int ask(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
  (void)a, (void)b, (void)c, (void)d;
  struct mail_smtp *smtp = ((struct worker *)user)->smtp;
  pthread_mutex_lock(&smtp->mutex);
  bool give_up = smtp->give_up_us && clock_monotonic_us() > smtp->give_up_us;
  pthread_mutex_unlock(&smtp->mutex);
  return give_up;
}

static size_t read_message(char *buffer, size_t size, size_t count, void *user) {
  struct worker *worker = user;
  size_t room = size * count, left = worker->message.size - worker->sent;
  if (left < room) room = left;
  memcpy(buffer, worker->message.bytes + worker->sent, room);
  worker->sent += room;
  return room;
}

/* ---- what EHLO says -----------------------------------------------------------------------------------------------
 */

static bool is_literal(const char *name) {
  char address[INET6_ADDRSTRLEN];
  unsigned char bytes[sizeof(struct in6_addr)];
  size_t size = strlen(name);
  if (size < 3 || size - 2 >= sizeof address + strlen("IPv6:") || name[size - 1] != ']') return false;
  bool six = strncasecmp(name + 1, "IPv6:", 5) == 0;
  const char *begin = name + (six ? 6 : 1);
  size_t length = (size_t)(name + size - 1 - begin);
  if (length >= sizeof address) return false;
  memcpy(address, begin, length);
  address[length] = '\0';
  return inet_pton(six ? AF_INET6 : AF_INET, address, bytes) == 1;
}

bool smtp_name_is_valid(const char *name) {
  return name[0] == '[' ? is_literal(name) : domain_is_valid(name);
}

/* What the resolver takes for the whole name of `host`, /etc/hosts included; NULL if there is none at present. */
static const char *qualify(struct arena *arena, const char *host) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME}, *found;
  if (getaddrinfo(host, NULL, &hints, &found) != 0) return NULL;
  const char *name = found->ai_canonname ? arena_strdup(arena, found->ai_canonname) : "";
  freeaddrinfo(found);
  return strchr(name, '.') && domain_is_valid(name) ? name : NULL;
}

/* The machine's fully qualified domain name, as `hostname --fqdn` has it; the bare host name if there is none at
 * present (*ret_qualified: false), "localhost" if it isn't even a name. Blocks while a name server is asked. */
static const char *name_of_machine(struct arena *arena, bool *ret_qualified) {
  char host[HOST_NAME_MAX + 1] = "";
  if (gethostname(host, sizeof host - 1) != 0 || !domain_is_valid(host)) strcpy(host, "localhost");
  *ret_qualified = true;
  if (strchr(host, '.')) return arena_strdup(arena, host);
  const char *name = qualify(arena, host);
  *ret_qualified = name != NULL;
  return name ? name : arena_strdup(arena, host);
}

/* The machine's name is looked up here, where it may take its time, and again as long as it isn't a whole one. */
static const char *name_of(struct mail_smtp *smtp, struct arena *arena) {
  pthread_mutex_lock(&smtp->mutex);
  const char *known = arena_strdup(arena, smtp->name);
  pthread_mutex_unlock(&smtp->mutex);
  if (*known) return known;
  bool qualified;
  const char *found = name_of_machine(arena, &qualified);
  pthread_mutex_lock(&smtp->mutex);
  if (qualified) snprintf(smtp->name, sizeof smtp->name, "%s", found);
  pthread_mutex_unlock(&smtp->mutex);
  return found;
}

/* ---- one mail --------------------------------------------------------------------------------------------------- */

/* curl takes the name from the URL's path. */
static void set_url(struct worker *worker, struct arena *arena) {
  const char *name = name_of(worker->smtp, arena);
  char *escaped = curl_easy_escape(worker->easy, name, 0);
  if (!escaped) memory_exhausted(strlen(name));
  curl_easy_setopt(worker->easy, CURLOPT_URL, arena_printf(arena, "%s/%s", worker->smtp->options.smtp_url, escaped));
  curl_free(escaped);
}

static CURLcode perform(struct worker *worker, const Ordershop__V1__Mail *mail) {
  struct arena *arena = arena_new();
  worker->message = mail_message_compose(arena, mail, worker->smtp->from, MAIL_FORM_SMTP);
  worker->sent = 0;
  worker->dialog = (struct smtp_dialog){0};
  worker->error[0] = '\0';
  set_url(worker, arena);
  struct curl_slist recipient = {.data = mail->to};
  curl_easy_setopt(worker->easy, CURLOPT_MAIL_RCPT, &recipient);
  curl_easy_setopt(worker->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)worker->message.size);
  CURLcode code = curl_easy_perform(worker->easy);
  curl_easy_setopt(worker->easy, CURLOPT_MAIL_RCPT, NULL);
  arena_free(arena);
  return code;
}

static bool logs_in(const struct mail_delivery_options *options) {
  return options->smtp_user || options->smtp_password;
}

static const char *reason_of(const struct worker *worker, struct arena *arena, CURLcode code) {
  const char *said = worker->dialog.reply >= 400 ? worker->dialog.text
                     : worker->error[0]          ? worker->error
                                                 : curl_easy_strerror(code);
  if (code != CURLE_USE_SSL_FAILED || !logs_in(&worker->smtp->options)) return arena_strdup(arena, said);
  return arena_printf(arena, "%s (the password isn't sent without TLS, unless ORDERSHOP_SMTP_TLS is off)", said);
}

static void record(struct worker *worker, struct batch *batch, struct mail_parcel *parcel, CURLcode code) {
  struct mail_smtp *smtp = worker->smtp;
  bool away;
  parcel->outcome = smtp_outcome_of(&worker->dialog, code, &away);
  if (parcel->outcome != MAIL_TAKEN) parcel->reason = reason_of(worker, batch->arena, code);
  if (away && !batch->away) batch->away = parcel->reason;
  smtp->works = !away;
}

/* An address with syntax of SMTP in it should never get here; if one does, it isn't sent. */
static void deliver_one(struct worker *worker, struct batch *batch, struct mail_parcel *parcel) {
  bool sendable = mail_address_is_safe(parcel->mail->to);
  CURLcode code = sendable ? perform(worker, parcel->mail) : CURLE_OK;
  pthread_mutex_lock(&worker->smtp->mutex);
  if (sendable) {
    record(worker, batch, parcel, code);
  } else {
    parcel->outcome = MAIL_REFUSED;
    parcel->reason = "its address is none";
  }
  pthread_mutex_unlock(&worker->smtp->mutex);
}

/* ---- the threads ------------------------------------------------------------------------------------------------ */

/* Returns whether there is a mail to take, and it is time to. The mutex must be held. */
static bool may_take(const struct mail_smtp *smtp) {
  return smtp->first && smtp->under_way < (smtp->works ? CONNECTIONS : 1);
}

/* Returns whether nothing is left of it to be taken. The mutex must be held. */
static void leave_queue(struct mail_smtp *smtp, struct batch *batch) {
  if (smtp->first != batch) return;
  smtp->first = batch->next;
  if (!smtp->first) smtp->last = NULL;
}

static void end_if_finished(struct mail_smtp *smtp, struct batch *batch) {
  if (batch->finished == batch->count) loop_post(smtp->loop, &batch->over);
}

/* Returns NULL at the end. */
static struct mail_parcel *take(struct mail_smtp *smtp, struct batch **ret_batch) {
  struct mail_parcel *parcel = NULL;
  pthread_mutex_lock(&smtp->mutex);
  while (!may_take(smtp) && !smtp->closing) pthread_cond_wait(&smtp->changed, &smtp->mutex);
  if (may_take(smtp)) {
    struct batch *batch = *ret_batch = smtp->first;
    parcel = &batch->parcels[batch->taken++];
    smtp->under_way++;
    if (batch->taken == batch->count) leave_queue(smtp, batch);
  }
  pthread_mutex_unlock(&smtp->mutex);
  return parcel;
}

static void give_back(struct mail_smtp *smtp, struct batch *batch) {
  pthread_mutex_lock(&smtp->mutex);
  smtp->under_way--;
  batch->finished++;
  if (batch->away && batch->taken < batch->count) { /* the rest isn't tried */
    batch->count = batch->taken;
    leave_queue(smtp, batch);
  }
  end_if_finished(smtp, batch);
  pthread_cond_broadcast(&smtp->changed);
  pthread_mutex_unlock(&smtp->mutex);
}

static void *run_worker(void *argument) {
  struct worker *worker = argument;
  struct batch *batch;
  for (struct mail_parcel *parcel; (parcel = take(worker->smtp, &batch));) {
    deliver_one(worker, batch, parcel);
    give_back(worker->smtp, batch);
  }
  return NULL;
}

/* ---- on the loop ------------------------------------------------------------------------------------------------ */

/* With a login `try` means `require`: an attacker in between could take STARTTLS out of the server's answer. */
static long tls_of(const struct mail_delivery_options *options) {
  if (options->smtp_tls == MAIL_TLS_OFF) return CURLUSESSL_NONE;
  return options->smtp_tls == MAIL_TLS_REQUIRE || logs_in(options) ? CURLUSESSL_ALL : CURLUSESSL_TRY;
}

static CURL *easy_of(struct worker *worker, const struct mail_delivery_options *options) {
  CURL *easy = curl_easy_init();
  if (!easy) memory_exhausted(sizeof(CURL *));
  long seconds = (long)options->smtp_timeout_seconds;
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"); /* the environment's proxies are for the web */
  curl_easy_setopt(easy, CURLOPT_USE_SSL, tls_of(options));
  if (options->smtp_ca_file) curl_easy_setopt(easy, CURLOPT_CAINFO, options->smtp_ca_file);
  if (options->smtp_user) curl_easy_setopt(easy, CURLOPT_USERNAME, options->smtp_user);
  if (options->smtp_password) curl_easy_setopt(easy, CURLOPT_PASSWORD, options->smtp_password);
  curl_easy_setopt(easy, CURLOPT_MAIL_FROM, worker->smtp->from->address);
  curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_message);
  curl_easy_setopt(easy, CURLOPT_READDATA, worker);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, ask);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, worker);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT, seconds);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, seconds < CONNECT_SECONDS_MAX ? seconds : CONNECT_SECONDS_MAX);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, worker->error);
  curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L); /* or there is nothing to listen to */
  curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, listen_in);
  curl_easy_setopt(easy, CURLOPT_DEBUGDATA, worker);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, worker);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, worker);
  return easy;
}

static void start_worker(struct mail_smtp *smtp, struct worker *worker, const struct mail_delivery_options *options) {
  worker->smtp = smtp;
  worker->socket = CURL_SOCKET_BAD;
  worker->easy = easy_of(worker, options);
  if (pthread_create(&worker->thread, NULL, run_worker, worker) != 0) memory_exhausted(0);
}

/* GnuTLS asks for this function when it is loaded (GNUTLS_SKIP_GLOBAL_INIT in its header). It comes with libcurl, which
 * needs it for LDAP and RTMP alone; nothing here uses it, and its start would take memory. */
int _gnutls_global_init_skip(void);
int _gnutls_global_init_skip(void) {
  return 1;
}

struct mail_smtp *mail_smtp_open(struct loop *loop, struct arena *arena, const struct mail_delivery_options *options,
                                 const struct mail_sender *from) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  struct mail_smtp *smtp = arena_calloc(arena, 1, sizeof *smtp);
  smtp->loop = loop;
  smtp->options = *options;
  if (options->smtp_name) snprintf(smtp->name, sizeof smtp->name, "%s", options->smtp_name);
  smtp->from = from;
  pthread_mutex_init(&smtp->mutex, NULL);
  pthread_cond_init(&smtp->changed, NULL);
  for (int i = 0; i < CONNECTIONS; i++) start_worker(smtp, &smtp->workers[i], options);
  return smtp;
}

static void end_worker(struct worker *worker) {
  pthread_join(worker->thread, NULL);
  stop_listening(worker);
  curl_easy_cleanup(worker->easy);
}

void mail_smtp_stop(struct mail_smtp *smtp) {
  pthread_mutex_lock(&smtp->mutex);
  smtp->give_up_us = clock_monotonic_us() + STOP_US;
  for (struct batch *batch = smtp->first, *next; batch; batch = next) {
    next = batch->next;
    batch->stopped = true;
    batch->count = batch->taken;
    end_if_finished(smtp, batch);
  }
  smtp->first = smtp->last = NULL;
  pthread_mutex_unlock(&smtp->mutex);
}

void mail_smtp_close(struct mail_smtp *smtp) {
  pthread_mutex_lock(&smtp->mutex);
  smtp->closing = true;
  pthread_cond_broadcast(&smtp->changed);
  pthread_mutex_unlock(&smtp->mutex);
  for (int i = 0; i < CONNECTIONS; i++) end_worker(&smtp->workers[i]);
  pthread_cond_destroy(&smtp->changed);
  pthread_mutex_destroy(&smtp->mutex);
  curl_global_cleanup();
}

static void on_over(struct loop_task *task) {
  struct batch *batch = (struct batch *)((char *)task - offsetof(struct batch, over));
  batch->done = true;
  coroutine_wake(batch->coroutine);
}

static void queue_batch(struct mail_smtp *smtp, struct batch *batch) {
  pthread_mutex_lock(&smtp->mutex);
  if (smtp->give_up_us) {
    batch->stopped = batch->done = true;
  } else {
    if (smtp->last) smtp->last->next = batch;
    if (!smtp->first) smtp->first = batch;
    smtp->last = batch;
  }
  pthread_cond_broadcast(&smtp->changed);
  pthread_mutex_unlock(&smtp->mutex);
}

coroutine_fn struct status mail_smtp_deliver(struct mail_smtp *smtp, struct context *context,
                                             struct mail_parcel *parcels, size_t count) {
  struct batch batch = {
      .over.run = on_over, .arena = context->arena, .parcels = parcels, .count = count, .coroutine = coroutine_self()};
  queue_batch(smtp, &batch);
  while (!batch.done) coroutine_yield();
  if (batch.stopped)
    return status_error(context->arena, STATUS_UNAVAILABLE, reason_stopping, "the service is stopping");
  if (!batch.away) return status_ok();
  return status_error(context->arena, STATUS_UNAVAILABLE, reason_smtp_unreachable,
                      "the mail server does not take mail: %s", batch.away);
}
