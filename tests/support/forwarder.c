/* SPDX-License-Identifier: Apache-2.0 */
#include "forwarder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

enum { MAX_CONNECTIONS = 256, MAX_STRANDED = 16, BUFFER_BYTES = 64 * 1024, POLL_MS = 20, ANSWER_MS = 5000 };

/* Two sockets whose bytes go to each other. */
struct connection {
  int sockets[2];
  bool strands; /* what comes from the first is kept */
  in_addr_t source;
};

/* What a client has sent on a connection that it has lost since. */
struct stranded {
  int server;
  char bytes[BUFFER_BYTES];
  ssize_t size;
};

struct forwarder {
  int listener, port;
  atomic_int target, cut; /* cut: every nth connection is to be closed; 0 if there is none */
  atomic_bool stopping, strands, lets_go;
  atomic_uint barred; /* address that nobody may come from; INADDR_ANY: none, INADDR_NONE: all */
  atomic_bool bars;   /* those that are there are still to be closed */
  struct stranded stranded[MAX_STRANDED];
  atomic_int stranded_count;
  struct connection connections[MAX_CONNECTIONS];
  int count;
  pthread_t thread;
};

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "forwarder: %s (%s)\n", what, strerror(errno));
  exit(2);
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void close_connection(struct forwarder *forwarder, int index) {
  for (int side = 0; side < 2; side++) close(forwarder->connections[index].sockets[side]);
  forwarder->connections[index] = forwarder->connections[--forwarder->count];
}

static bool is_barred(struct forwarder *forwarder, in_addr_t source) {
  in_addr_t barred = atomic_load(&forwarder->barred);
  return barred == INADDR_NONE || (barred != INADDR_ANY && barred == source);
}

/* Otherwise a small answer behind another one waits for an acknowledgement, for 40 ms. */
static void hand_on_at_once(int socket) {
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

static void take_connection(struct forwarder *forwarder) {
  struct sockaddr_in peer;
  socklen_t size = sizeof peer;
  int from = accept4(forwarder->listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC);
  if (from < 0) return;
  if (is_barred(forwarder, peer.sin_addr.s_addr)) {
    close(from);
    return;
  }
  struct sockaddr_in address = loopback(atomic_load(&forwarder->target));
  int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(to, (struct sockaddr *)&address, sizeof address) != 0 || forwarder->count == MAX_CONNECTIONS) {
    close(from);
    close(to);
    return;
  }
  hand_on_at_once(from);
  hand_on_at_once(to);
  forwarder->connections[forwarder->count++] =
      (struct connection){.sockets = {from, to}, .source = peer.sin_addr.s_addr};
}

/* Hands on what has come. Returns false if one side is gone. */
static bool hand_on(int from, int to) {
  char bytes[BUFFER_BYTES];
  ssize_t size = recv(from, bytes, sizeof bytes, 0);
  for (ssize_t done = 0; done < size;) {
    ssize_t sent = send(to, bytes + done, (size_t)(size - done), MSG_NOSIGNAL);
    if (sent < 0) return false;
    done += sent;
  }
  return size > 0;
}

static void strand(struct forwarder *forwarder, int index) {
  int number = atomic_load(&forwarder->stranded_count);
  if (number == MAX_STRANDED) fail("too much is stranded");
  struct stranded *stranded = &forwarder->stranded[number];
  const int *sockets = forwarder->connections[index].sockets;
  stranded->size = recv(sockets[0], stranded->bytes, sizeof stranded->bytes, 0);
  if (stranded->size <= 0) {
    close_connection(forwarder, index);
    return;
  }
  stranded->server = sockets[1];
  close(sockets[0]);
  forwarder->connections[index] = forwarder->connections[--forwarder->count];
  atomic_store(&forwarder->stranded_count, number + 1);
}

static void begin_stranding(struct forwarder *forwarder) {
  if (!atomic_exchange(&forwarder->strands, false)) return;
  for (int i = 0; i < forwarder->count; i++) forwarder->connections[i].strands = true;
}

static void let_go(struct forwarder *forwarder) {
  if (!atomic_load(&forwarder->lets_go)) return;
  for (int i = 0; i < atomic_load(&forwarder->stranded_count); i++) {
    struct stranded *stranded = &forwarder->stranded[i];
    struct pollfd answer = {.fd = stranded->server, .events = POLLIN};
    if (send(stranded->server, stranded->bytes, (size_t)stranded->size, MSG_NOSIGNAL) > 0) poll(&answer, 1, ANSWER_MS);
    close(stranded->server);
  }
  atomic_store(&forwarder->stranded_count, 0);
  atomic_store(&forwarder->lets_go, false);
}

static void close_barred(struct forwarder *forwarder) {
  if (!atomic_load(&forwarder->bars)) return;
  for (int i = forwarder->count - 1; i >= 0; i--) {
    if (is_barred(forwarder, forwarder->connections[i].source)) close_connection(forwarder, i);
  }
  atomic_store(&forwarder->bars, false);
}

static void cut_connections(struct forwarder *forwarder) {
  int nth = atomic_load(&forwarder->cut);
  if (nth == 0) return;
  for (int i = forwarder->count - 1; i >= 0; i--) {
    if (i % nth == 0) close_connection(forwarder, i);
  }
  atomic_store(&forwarder->cut, 0);
}

static void *run(void *argument) {
  struct forwarder *forwarder = argument;
  struct pollfd waiting[2 * MAX_CONNECTIONS + 1];
  while (!atomic_load(&forwarder->stopping)) {
    int count = forwarder->count;
    for (int i = 0; i < 2 * count; i++) {
      waiting[i] = (struct pollfd){.fd = forwarder->connections[i / 2].sockets[i % 2], .events = POLLIN};
    }
    waiting[2 * count] = (struct pollfd){.fd = forwarder->listener, .events = POLLIN};
    poll(waiting, 2 * (nfds_t)count + 1, POLL_MS);
    /* From the last on: closing one moves the last to its place. */
    for (int i = count - 1; i >= 0; i--) {
      const int *sockets = forwarder->connections[i].sockets;
      if (forwarder->connections[i].strands && waiting[2 * i].revents) {
        strand(forwarder, i);
        continue;
      }
      bool lasts = true;
      for (int side = 0; side < 2 && lasts; side++) {
        if (waiting[2 * i + side].revents) lasts = hand_on(sockets[side], sockets[1 - side]);
      }
      if (!lasts) close_connection(forwarder, i);
    }
    if (waiting[2 * count].revents) take_connection(forwarder);
    cut_connections(forwarder);
    close_barred(forwarder);
    begin_stranding(forwarder);
    let_go(forwarder);
  }
  return NULL;
}

struct forwarder *forwarder_start(int port) {
  struct forwarder *forwarder = memory_calloc(1, sizeof *forwarder);
  struct sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  atomic_store(&forwarder->target, port);
  forwarder->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(forwarder->listener, (struct sockaddr *)&address, size) != 0) fail("bind");
  if (listen(forwarder->listener, MAX_CONNECTIONS) != 0) fail("listen");
  getsockname(forwarder->listener, (struct sockaddr *)&address, &size);
  forwarder->port = ntohs(address.sin_port);
  if (pthread_create(&forwarder->thread, NULL, run, forwarder) != 0) fail("pthread_create");
  return forwarder;
}

void forwarder_free(struct forwarder *forwarder) {
  if (!forwarder) return;
  atomic_store(&forwarder->stopping, true);
  pthread_join(forwarder->thread, NULL);
  while (forwarder->count > 0) close_connection(forwarder, 0);
  for (int i = 0; i < atomic_load(&forwarder->stranded_count); i++) close(forwarder->stranded[i].server);
  close(forwarder->listener);
  free(forwarder);
}

int forwarder_port(const struct forwarder *forwarder) {
  return forwarder->port;
}

void forwarder_lead_to(struct forwarder *forwarder, int port) {
  atomic_store(&forwarder->target, port);
}

void forwarder_strand(struct forwarder *forwarder) {
  atomic_store(&forwarder->strands, true);
  while (atomic_load(&forwarder->strands)) usleep(1000);
}

bool forwarder_let_go(struct forwarder *forwarder) {
  if (atomic_load(&forwarder->stranded_count) == 0) return false;
  atomic_store(&forwarder->lets_go, true);
  while (atomic_load(&forwarder->lets_go)) usleep(1000);
  return true;
}

void forwarder_bar(struct forwarder *forwarder, const char *source) {
  in_addr_t barred = !source ? INADDR_ANY : *source ? inet_addr(source) : INADDR_NONE;
  atomic_store(&forwarder->barred, barred);
  atomic_store(&forwarder->bars, true);
  while (atomic_load(&forwarder->bars)) usleep(1000);
}

void forwarder_cut(struct forwarder *forwarder, int nth) {
  atomic_store(&forwarder->cut, nth);
  while (atomic_load(&forwarder->cut) != 0) usleep(1000);
}
