/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

enum { MAX_RULES = 32, MAX_CONNECTIONS = 64, LINE_ROOM = 4096, SLOW_US = 200000, ANSWER_ROOM = 512 };

struct rule {
  char command[16], recipient[256], answer[ANSWER_ROOM];
  int times;
};

struct connection {
  struct smtp_server *server;
  int socket; /* -1: ended */
  FILE *in;
  char line[LINE_ROOM];
  char from[256], to[256];
};

struct smtp_server {
  int port, listener;
  char url[64], login[512], hello[256];
  pthread_t acceptor;
  pthread_mutex_t mutex; /* guards what follows */
  pthread_cond_t changed;
  bool stopping;
  struct rule rules[MAX_RULES];
  int rule_count, connections, living;
  int sockets[MAX_CONNECTIONS]; /* of living connections; 0 means free */
  struct smtp_mail **mails;
  size_t mail_count;
};

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "smtp server: %s (%s)\n", what, strerror(errno));
  exit(2);
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

/* What a rule says, or "". */
static void find_rule(struct connection *connection, const char *command, char answer[ANSWER_ROOM]) {
  struct smtp_server *server = connection->server;
  answer[0] = '\0';
  pthread_mutex_lock(&server->mutex);
  for (int i = 0; i < server->rule_count; i++) {
    struct rule *rule = &server->rules[i];
    if (rule->times == 0 || strcmp(rule->command, command) != 0) continue;
    if (rule->recipient[0] && strcmp(rule->recipient, connection->to) != 0) continue;
    if (rule->times > 0) rule->times--;
    snprintf(answer, ANSWER_ROOM, "%s", rule->answer);
    break;
  }
  pthread_mutex_unlock(&server->mutex);
}

static void choose_answer(struct connection *connection, const char *command, const char *usual,
                          char answer[ANSWER_ROOM]) {
  find_rule(connection, command, answer);
  bool slow = strcmp(answer, SMTP_SLOW) == 0;
  if (slow) usleep(SLOW_US);
  if (slow || !answer[0]) snprintf(answer, ANSWER_ROOM, "%s", usual);
}

static bool send_text(struct connection *connection, const char *text) {
  char line[ANSWER_ROOM + 4];
  int size = snprintf(line, sizeof line, "%s\r\n", text);
  return send(connection->socket, line, (size_t)size, MSG_NOSIGNAL) == size;
}

/* Returns false if the connection ends. */
static bool say(struct connection *connection, const char *text) {
  if (strcmp(text, SMTP_CLOSE) == 0) return false;
  if (strcmp(text, SMTP_MUTE) == 0) {
    while (fgets(connection->line, sizeof connection->line, connection->in)) continue;
    return false;
  }
  return send_text(connection, text);
}

/* Answers; *ret_code is the first digit. Returns false if the connection ends. */
static bool answer(struct connection *connection, const char *command, const char *usual, char *ret_code) {
  char text[ANSWER_ROOM];
  choose_answer(connection, command, usual, text);
  *ret_code = text[0];
  return say(connection, text);
}

/* ---- a connection ----------------------------------------------------------------------------------------------- */

static bool read_line(struct connection *connection) {
  return fgets(connection->line, sizeof connection->line, connection->in) != NULL;
}

static void keep_mail(struct connection *connection, char *message) {
  struct smtp_server *server = connection->server;
  struct smtp_mail *mail = memory_calloc(1, sizeof *mail);
  memcpy(mail->from, connection->from, sizeof mail->from);
  memcpy(mail->to, connection->to, sizeof mail->to);
  mail->message = message;
  pthread_mutex_lock(&server->mutex);
  server->mails = memory_realloc(server->mails, (server->mail_count + 1) * sizeof(struct smtp_mail *));
  server->mails[server->mail_count++] = mail;
  pthread_cond_broadcast(&server->changed);
  pthread_mutex_unlock(&server->mutex);
}

/* The message up to the line with a single dot; NULL means the connection ended before. */
static char *read_message(struct connection *connection) {
  char *message;
  size_t size;
  FILE *text = open_memstream(&message, &size);
  bool whole = false, line_begins = true;
  while (!whole && read_line(connection)) {
    const char *line = connection->line;
    whole = line_begins && strcmp(line, ".\r\n") == 0;
    if (!whole) fputs(line_begins && line[0] == '.' ? line + 1 : line, text);
    line_begins = strchr(line, '\n') != NULL;
  }
  fclose(text);
  if (whole) return message;
  free(message);
  return NULL;
}

/* "MAIL FROM:<a@b> SIZE=12" -> "a@b" */
static void take_address(const char *line, char address[256]) {
  const char *open = strchr(line, '<'), *close = open ? strchr(open, '>') : NULL;
  if (close) snprintf(address, 256, "%.*s", (int)(close - open - 1), open + 1);
}

static bool serve_data(struct connection *connection) {
  char code;
  if (!answer(connection, "DATA", "354 go on", &code)) return false;
  if (code != '3') return true;
  char *message = read_message(connection);
  if (!message) return false;
  char text[ANSWER_ROOM];
  choose_answer(connection, "data", "250 taken", text);
  if (text[0] == '2') { /* before the client knows */
    keep_mail(connection, message);
  } else {
    free(message);
  }
  return say(connection, text);
}

static bool serve_auth(struct connection *connection) {
  char code;
  struct smtp_server *server = connection->server;
  bool asks = strncasecmp(connection->line, "AUTH PLAIN\r", 11) == 0; /* what follows comes in a line of its own */
  if (asks && !(send_text(connection, "334 ") && read_line(connection))) return false;
  const char *login = asks ? connection->line : connection->line + strlen("AUTH PLAIN ");
  pthread_mutex_lock(&server->mutex);
  snprintf(server->login, sizeof server->login, "%.*s", (int)strcspn(login, "\r\n"), login);
  pthread_mutex_unlock(&server->mutex);
  return answer(connection, "AUTH", "235 welcome", &code);
}

static bool serve_hello(struct connection *connection) {
  char code;
  struct smtp_server *server = connection->server;
  const char *name = connection->line + strlen("EHLO ");
  pthread_mutex_lock(&server->mutex);
  snprintf(server->hello, sizeof server->hello, "%.*s", (int)strcspn(name, "\r\n"), name);
  pthread_mutex_unlock(&server->mutex);
  bool plain = send_text(connection, "250-here") && send_text(connection, "250-SIZE 10000000");
  return plain && answer(connection, "EHLO", "250 AUTH PLAIN", &code);
}

static bool is_command(const struct connection *connection, const char *command) {
  return strncasecmp(connection->line, command, strlen(command)) == 0;
}

/* One command. Returns false if the connection ends. */
static bool serve(struct connection *connection) {
  char code;
  if (is_command(connection, "EHLO") || is_command(connection, "HELO")) return serve_hello(connection);
  if (is_command(connection, "AUTH")) return serve_auth(connection);
  if (is_command(connection, "MAIL")) {
    connection->to[0] = '\0';
    take_address(connection->line, connection->from);
    return answer(connection, "MAIL", "250 ok", &code);
  }
  if (is_command(connection, "RCPT")) {
    take_address(connection->line, connection->to);
    return answer(connection, "RCPT", "250 ok", &code);
  }
  if (is_command(connection, "DATA")) return serve_data(connection);
  if (is_command(connection, "QUIT")) return answer(connection, "QUIT", "221 bye", &code) && false;
  return send_text(connection, "500 what?");
}

/* Says that a socket is in use, or no more. */
static void note_socket(struct smtp_server *server, int from, int to) {
  for (int i = 0; i < MAX_CONNECTIONS; i++) {
    if (server->sockets[i] != from) continue;
    server->sockets[i] = to;
    return;
  }
}

static void *run_connection(void *argument) {
  struct connection *connection = argument;
  struct smtp_server *server = connection->server;
  char code;
  bool goes_on = answer(connection, "connect", "220 a server", &code);
  while (goes_on && read_line(connection)) goes_on = serve(connection);
  pthread_mutex_lock(&server->mutex);
  note_socket(server, connection->socket, 0);
  fclose(connection->in);
  server->living--;
  pthread_cond_broadcast(&server->changed);
  pthread_mutex_unlock(&server->mutex);
  free(connection);
  return NULL;
}

static void begin_connection(struct smtp_server *server, int socket) {
  int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct connection *connection = memory_calloc(1, sizeof *connection);
  *connection = (struct connection){.server = server, .socket = socket, .in = fdopen(socket, "r")};
  pthread_mutex_lock(&server->mutex);
  server->connections++;
  server->living++;
  note_socket(server, 0, socket);
  pthread_mutex_unlock(&server->mutex);
  pthread_t thread;
  if (pthread_create(&thread, NULL, run_connection, connection) != 0) fail("no thread");
  pthread_detach(thread);
}

static void *run_acceptor(void *argument) {
  struct smtp_server *server = argument;
  for (int socket; (socket = accept(server->listener, NULL, NULL)) >= 0;) begin_connection(server, socket);
  return NULL;
}

/* ---- the server ------------------------------------------------------------------------------------------------- */

void smtp_server_restart(struct smtp_server *server) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server->port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  int on = 1;
  server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(server->listener, (struct sockaddr *)&address, size) != 0) fail("bind");
  if (listen(server->listener, MAX_CONNECTIONS) != 0) fail("listen");
  getsockname(server->listener, (struct sockaddr *)&address, &size);
  server->port = ntohs(address.sin_port);
  snprintf(server->url, sizeof server->url, "smtp://127.0.0.1:%d", server->port);
  if (pthread_create(&server->acceptor, NULL, run_acceptor, server) != 0) fail("no thread");
}

struct smtp_server *smtp_server_start(void) {
  struct smtp_server *server = memory_calloc(1, sizeof *server);
  pthread_mutex_init(&server->mutex, NULL);
  pthread_cond_init(&server->changed, NULL);
  smtp_server_restart(server);
  return server;
}

void smtp_server_stop(struct smtp_server *server) {
  if (server->listener < 0) return;
  shutdown(server->listener, SHUT_RDWR);
  pthread_join(server->acceptor, NULL);
  close(server->listener);
  server->listener = -1;
  pthread_mutex_lock(&server->mutex);
  for (int i = 0; i < MAX_CONNECTIONS; i++) {
    if (server->sockets[i]) shutdown(server->sockets[i], SHUT_RDWR);
  }
  while (server->living > 0) pthread_cond_wait(&server->changed, &server->mutex);
  pthread_mutex_unlock(&server->mutex);
}

void smtp_server_free(struct smtp_server *server) {
  if (!server) return;
  smtp_server_stop(server);
  for (size_t i = 0; i < server->mail_count; i++) {
    free(server->mails[i]->message);
    free(server->mails[i]);
  }
  free(server->mails);
  pthread_cond_destroy(&server->changed);
  pthread_mutex_destroy(&server->mutex);
  free(server);
}

const char *smtp_server_url(const struct smtp_server *server) {
  return server->url;
}

void smtp_server_answer(struct smtp_server *server, const char *command, const char *recipient, const char *text,
                        int times) {
  pthread_mutex_lock(&server->mutex);
  if (server->rule_count == MAX_RULES) fail("too many rules");
  struct rule *rule = &server->rules[server->rule_count++];
  snprintf(rule->command, sizeof rule->command, "%s", command);
  snprintf(rule->recipient, sizeof rule->recipient, "%s", recipient ? recipient : "");
  snprintf(rule->answer, sizeof rule->answer, "%s", text);
  rule->times = times;
  pthread_mutex_unlock(&server->mutex);
}

void smtp_server_forget_answers(struct smtp_server *server) {
  pthread_mutex_lock(&server->mutex);
  server->rule_count = 0;
  pthread_mutex_unlock(&server->mutex);
}

size_t smtp_server_count(struct smtp_server *server) {
  pthread_mutex_lock(&server->mutex);
  size_t count = server->mail_count;
  pthread_mutex_unlock(&server->mutex);
  return count;
}

const struct smtp_mail *smtp_server_mail(struct smtp_server *server, size_t index) {
  pthread_mutex_lock(&server->mutex);
  const struct smtp_mail *mail = server->mails[index];
  pthread_mutex_unlock(&server->mutex);
  return mail;
}

bool smtp_server_wait(struct smtp_server *server, size_t count, int ms) {
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += ms / 1000;
  end.tv_nsec += ms % 1000 * 1000000L;
  if (end.tv_nsec >= 1000000000L) {
    end.tv_nsec -= 1000000000L;
    end.tv_sec++;
  }
  int error = 0;
  pthread_mutex_lock(&server->mutex);
  while (server->mail_count < count && error == 0) {
    error = pthread_cond_timedwait(&server->changed, &server->mutex, &end);
  }
  bool enough = server->mail_count >= count;
  pthread_mutex_unlock(&server->mutex);
  return enough;
}

int smtp_server_connections(struct smtp_server *server) {
  pthread_mutex_lock(&server->mutex);
  int connections = server->connections;
  pthread_mutex_unlock(&server->mutex);
  return connections;
}

const char *smtp_server_login(struct smtp_server *server) {
  return server->login;
}

const char *smtp_server_hello(struct smtp_server *server) {
  return server->hello;
}
