/* SPDX-License-Identifier: Apache-2.0 */
#include "name_server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 12, MAX_ADDRESSES = 8, MESSAGE = 512, TYPE_A = 1 };

struct name_server {
  int socket, port;
  pthread_t thread;
  pthread_mutex_t mutex;
  struct in_addr addresses[MAX_ADDRESSES]; /* under the mutex */
  size_t count;                            /* likewise */
};

static size_t put_16(unsigned char *message, size_t at, unsigned value) {
  message[at] = (unsigned char)(value >> 8);
  message[at + 1] = (unsigned char)value;
  return at + 2;
}

/* Where the question ends; 0 means the message is none. */
static size_t question_end(const unsigned char *message, size_t size) {
  size_t at = HEADER;
  while (at < size && message[at]) at += message[at] + 1u;
  return at + 5 <= size ? at + 5 : 0;
}

/* An address record for the name of the question, to be kept for no time (RFC 1035, 4.1). */
static size_t put_address(unsigned char *message, size_t at, struct in_addr address) {
  static const unsigned char head[] = {0xc0, HEADER, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4};
  memcpy(message + at, head, sizeof(head));
  memcpy(message + at + sizeof(head), &address, 4);
  return at + sizeof(head) + 4;
}

/* Makes the question its answer. */
static size_t answer(struct name_server *server, unsigned char *message, size_t size) {
  size_t end = question_end(message, size);
  if (end == 0) return 0;
  pthread_mutex_lock(&server->mutex);
  size_t count = message[end - 3] == TYPE_A ? server->count : 0;
  put_16(message, 2, 0x8580); /* an answer with authority, no error */
  put_16(message, 6, (unsigned)count);
  memset(message + 8, 0, 4);
  size_t at = end;
  for (size_t i = 0; i < count; i++) at = put_address(message, at, server->addresses[i]);
  pthread_mutex_unlock(&server->mutex);
  return at;
}

static void *serve(void *argument) {
  struct name_server *server = argument;
  unsigned char message[MESSAGE + MAX_ADDRESSES * 16];
  while (true) {
    struct sockaddr_in asker;
    socklen_t length = sizeof(asker);
    ssize_t size = recvfrom(server->socket, message, MESSAGE, 0, (struct sockaddr *)&asker, &length);
    if (size <= 0) return NULL; /* shut down */
    size_t answered = answer(server, message, (size_t)size);
    if (answered > 0) sendto(server->socket, message, answered, 0, (struct sockaddr *)&asker, length);
  }
}

void name_server_set(struct name_server *server, const char *const *addresses) {
  pthread_mutex_lock(&server->mutex);
  for (server->count = 0; addresses[server->count] && server->count < MAX_ADDRESSES; server->count++) {
    inet_pton(AF_INET, addresses[server->count], &server->addresses[server->count]);
  }
  pthread_mutex_unlock(&server->mutex);
}

struct name_server *name_server_start(const char *const *addresses) {
  struct name_server *server = calloc(1, sizeof(*server));
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof(own);
  server->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (bind(server->socket, (struct sockaddr *)&own, length) != 0 ||
      getsockname(server->socket, (struct sockaddr *)&own, &length) != 0) {
    perror("name server");
    exit(2);
  }
  server->port = ntohs(own.sin_port);
  pthread_mutex_init(&server->mutex, NULL);
  name_server_set(server, addresses);
  pthread_create(&server->thread, NULL, serve, server);
  return server;
}

void name_server_stop(struct name_server *server) {
  shutdown(server->socket, SHUT_RDWR); /* ends recvfrom, though it says that nobody is connected */
  pthread_join(server->thread, NULL);
  close(server->socket);
  pthread_mutex_destroy(&server->mutex);
  free(server);
}

int name_server_port(const struct name_server *server) {
  return server->port;
}
