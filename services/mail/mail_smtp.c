#include "mail_smtp.h"

#include <curl/curl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "loop/coroutine.h"
#include "smtp_dialog.h"

enum { CONNECTIONS = 8, CONNECT_SECONDS_MOST = 10, POLL_MS = 1000 };

/* What the thread does while the coroutine that made it is parked. */
struct batch {
  struct loop_task finished;
  struct arena *arena; /* the coroutine's, which leaves it alone meanwhile */
  struct mail_parcel *parcels;
  size_t count, started;
  const char *away; /* why the server doesn't work; NULL: it does */
  struct coroutine *coroutine;
  bool done;
  struct batch *next;
};

/* One mail under way. */
struct transfer {
  CURL *easy;
  struct curl_slist *recipients;
  struct mail_parcel *parcel; /* NULL: idle */
  struct mail_message message;
  size_t sent;
  struct smtp_dialog dialog;
  char error[CURL_ERROR_SIZE];
};

struct mail_smtp {
  struct loop *loop;
  const struct mail_sender *from;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  struct batch *first, *last; /* queue */
  bool stopping;

  /* the thread's own */
  CURLM *multi;
  struct transfer transfers[CONNECTIONS];
  int under_way;
  bool works;                         /* the server took, or answered for, the mail before */
  curl_socket_t sockets[CONNECTIONS]; /* open ones; CURL_SOCKET_BAD: free */
};

/* ---- sockets ---------------------------------------------------------------------------------------------------- */

static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
  (void)purpose;
  struct mail_smtp *smtp = user;
  curl_socket_t made = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  for (int i = 0; i < CONNECTIONS; i++) {
    if (smtp->sockets[i] != CURL_SOCKET_BAD) continue;
    smtp->sockets[i] = made;
    break;
  }
  return made;
}

static int close_socket(void *user, curl_socket_t closed) {
  struct mail_smtp *smtp = user;
  for (int i = 0; i < CONNECTIONS; i++) {
    if (smtp->sockets[i] == closed) smtp->sockets[i] = CURL_SOCKET_BAD;
  }
  return close(closed);
}

/* curl says QUIT and waits for the answer, for minutes if need be: at the end nobody has that time. */
static void stop_listening(struct mail_smtp *smtp) {
  for (int i = 0; i < CONNECTIONS; i++) {
    if (smtp->sockets[i] != CURL_SOCKET_BAD) shutdown(smtp->sockets[i], SHUT_RD);
  }
}

/* ---- one mail --------------------------------------------------------------------------------------------------- */

static size_t read_message(char *buffer, size_t size, size_t count, void *user) {
  struct transfer *transfer = user;
  size_t room = size * count, left = transfer->message.size - transfer->sent;
  if (left < room) room = left;
  memcpy(buffer, transfer->message.bytes + transfer->sent, room);
  transfer->sent += room;
  return room;
}

static void start(struct mail_smtp *smtp, struct transfer *transfer, struct arena *arena, struct mail_parcel *parcel) {
  transfer->parcel = parcel;
  transfer->message = mail_message_compose(arena, parcel->mail, smtp->from, MAIL_FORM_SMTP);
  transfer->sent = 0;
  transfer->dialog = (struct smtp_dialog){0};
  transfer->error[0] = '\0';
  transfer->recipients = curl_slist_append(NULL, parcel->mail->to);
  if (!transfer->recipients) memory_exhausted(strlen(parcel->mail->to));
  curl_easy_setopt(transfer->easy, CURLOPT_MAIL_RCPT, transfer->recipients);
  curl_easy_setopt(transfer->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)transfer->message.size);
  curl_multi_add_handle(smtp->multi, transfer->easy);
  smtp->under_way++;
}

static const char *reason_of(const struct transfer *transfer, CURLcode code) {
  if (transfer->dialog.text[0]) return transfer->dialog.text;
  return transfer->error[0] ? transfer->error : curl_easy_strerror(code);
}

static void finish(struct mail_smtp *smtp, struct transfer *transfer, struct batch *batch, CURLcode code) {
  bool away;
  struct mail_parcel *parcel = transfer->parcel;
  parcel->outcome = smtp_dialog_outcome(&transfer->dialog, code, &away);
  if (parcel->outcome != MAIL_TAKEN) parcel->reason = arena_strdup(batch->arena, reason_of(transfer, code));
  if (away) batch->away = parcel->reason;
  smtp->works = !away;
  curl_multi_remove_handle(smtp->multi, transfer->easy);
  curl_slist_free_all(transfer->recipients);
  transfer->parcel = NULL;
  smtp->under_way--;
}

/* ---- the thread ------------------------------------------------------------------------------------------------- */

static struct transfer *idle_transfer(struct mail_smtp *smtp) {
  for (int i = 0; i < CONNECTIONS; i++) {
    if (!smtp->transfers[i].parcel) return &smtp->transfers[i];
  }
  return NULL;
}

/* An address with syntax of SMTP in it never gets here; if it does, it isn't said. */
static bool is_sendable(struct mail_parcel *parcel) {
  if (mail_address_is_safe(parcel->mail->to)) return true;
  parcel->outcome = MAIL_REFUSED;
  parcel->reason = "its address is none";
  return false;
}

/* A server that may be down is tried by one mail first. */
static void start_some(struct mail_smtp *smtp, struct batch *batch) {
  while (!batch->away && batch->started < batch->count && smtp->under_way < (smtp->works ? CONNECTIONS : 1)) {
    struct mail_parcel *parcel = &batch->parcels[batch->started++];
    if (is_sendable(parcel)) start(smtp, idle_transfer(smtp), batch->arena, parcel);
  }
}

static void finish_some(struct mail_smtp *smtp, struct batch *batch) {
  int left;
  for (CURLMsg *message; (message = curl_multi_info_read(smtp->multi, &left));) {
    if (message->msg != CURLMSG_DONE) continue;
    struct transfer *transfer;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
    finish(smtp, transfer, batch, message->data.result);
  }
}

static void run_batch(struct mail_smtp *smtp, struct batch *batch) {
  start_some(smtp, batch);
  while (smtp->under_way > 0) {
    int running;
    curl_multi_perform(smtp->multi, &running);
    finish_some(smtp, batch);
    start_some(smtp, batch);
    if (smtp->under_way > 0) curl_multi_poll(smtp->multi, NULL, 0, POLL_MS, NULL);
  }
}

/* The next batch; NULL: the end. */
static struct batch *take_batch(struct mail_smtp *smtp) {
  pthread_mutex_lock(&smtp->mutex);
  while (!smtp->first && !smtp->stopping) pthread_cond_wait(&smtp->changed, &smtp->mutex);
  struct batch *batch = smtp->first;
  if (batch) smtp->first = batch->next;
  if (!smtp->first) smtp->last = NULL;
  pthread_mutex_unlock(&smtp->mutex);
  return batch;
}

static void *run_thread(void *argument) {
  struct mail_smtp *smtp = argument;
  for (struct batch *batch; (batch = take_batch(smtp));) {
    run_batch(smtp, batch);
    loop_post(smtp->loop, &batch->finished);
  }
  return NULL;
}

/* ---- on the loop ------------------------------------------------------------------------------------------------ */

static void set_up(struct mail_smtp *smtp, struct transfer *transfer, const struct mail_delivery_options *options) {
  CURL *easy = curl_easy_init();
  if (!easy) memory_exhausted(sizeof(CURL *));
  long seconds = (long)options->smtp_timeout_seconds;
  transfer->easy = easy;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
  curl_easy_setopt(easy, CURLOPT_URL, options->smtp_url);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"); /* the environment's proxies are for the web */
  curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)(options->smtp_tls_required ? CURLUSESSL_ALL : CURLUSESSL_TRY));
  if (options->smtp_ca_file) curl_easy_setopt(easy, CURLOPT_CAINFO, options->smtp_ca_file);
  if (options->smtp_user) curl_easy_setopt(easy, CURLOPT_USERNAME, options->smtp_user);
  if (options->smtp_password) curl_easy_setopt(easy, CURLOPT_PASSWORD, options->smtp_password);
  curl_easy_setopt(easy, CURLOPT_MAIL_FROM, smtp->from->address);
  curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_message);
  curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT, seconds);
  curl_easy_setopt(easy, CURLOPT_FTP_RESPONSE_TIMEOUT, seconds); /* bounds the wait for QUIT's answer; SMTP's, too */
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, seconds < CONNECT_SECONDS_MOST ? seconds : CONNECT_SECONDS_MOST);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
  curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L); /* else nothing is listened to */
  curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, smtp_dialog_listen);
  curl_easy_setopt(easy, CURLOPT_DEBUGDATA, &transfer->dialog);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, smtp);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, smtp);
}

struct mail_smtp *mail_smtp_open(struct loop *loop, struct arena *arena, const struct mail_delivery_options *options,
                                 const struct mail_sender *from) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  struct mail_smtp *smtp = arena_calloc(arena, 1, sizeof *smtp);
  smtp->loop = loop;
  smtp->from = from;
  smtp->multi = curl_multi_init();
  if (!smtp->multi) memory_exhausted(sizeof(CURLM *));
  curl_multi_setopt(smtp->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS);
  for (int i = 0; i < CONNECTIONS; i++) {
    smtp->sockets[i] = CURL_SOCKET_BAD;
    set_up(smtp, &smtp->transfers[i], options);
  }
  pthread_mutex_init(&smtp->mutex, NULL);
  pthread_cond_init(&smtp->changed, NULL);
  if (pthread_create(&smtp->thread, NULL, run_thread, smtp) != 0) memory_exhausted(0);
  return smtp;
}

void mail_smtp_close(struct mail_smtp *smtp) {
  pthread_mutex_lock(&smtp->mutex);
  smtp->stopping = true;
  pthread_cond_signal(&smtp->changed);
  pthread_mutex_unlock(&smtp->mutex);
  pthread_join(smtp->thread, NULL);
  stop_listening(smtp);
  for (int i = 0; i < CONNECTIONS; i++) curl_easy_cleanup(smtp->transfers[i].easy);
  curl_multi_cleanup(smtp->multi);
  pthread_cond_destroy(&smtp->changed);
  pthread_mutex_destroy(&smtp->mutex);
  curl_global_cleanup();
}

static void on_finished(struct loop_task *task) {
  struct batch *batch = (struct batch *)((char *)task - offsetof(struct batch, finished));
  batch->done = true;
  coroutine_wake(batch->coroutine);
}

static void queue_batch(struct mail_smtp *smtp, struct batch *batch) {
  pthread_mutex_lock(&smtp->mutex);
  if (smtp->last) {
    smtp->last->next = batch;
  } else {
    smtp->first = batch;
  }
  smtp->last = batch;
  pthread_cond_signal(&smtp->changed);
  pthread_mutex_unlock(&smtp->mutex);
}

struct status mail_smtp_deliver(struct mail_smtp *smtp, struct context *context, struct mail_parcel *parcels,
                                size_t count) {
  struct batch batch = {.finished.run = on_finished,
                        .arena = context->arena,
                        .parcels = parcels,
                        .count = count,
                        .coroutine = coroutine_self()};
  queue_batch(smtp, &batch);
  while (!batch.done) coroutine_park();
  if (!batch.away) return status_ok();
  return status_error(context->arena, STATUS_UNAVAILABLE, "SMTP_UNREACHABLE", "the mail server does not take mail: %s",
                      batch.away);
}
