/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/fd_watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

struct fd_watch {
  int fd;
  int epoll; /* holds `fd`, for one event each time it is armed, and `end` */
  int end;
  void (*ready)(void *argument);
  void *argument;
  atomic_bool armed;
  pthread_t thread;
};

static void check(bool done, const char *what) {
  if (done) return;
  log_event(LOG_ERROR, "can't watch a descriptor", "call", what, "error", strerror(errno), NULL);
  log_stop();
  abort();
}

static void *watch_run(void *argument) {
  struct fd_watch *watch = argument;
  while (true) {
    struct epoll_event event;
    if (epoll_wait(watch->epoll, &event, 1, -1) != 1) continue; /* EINTR */
    if (event.data.fd == watch->end) return NULL;
    atomic_store(&watch->armed, false);
    watch->ready(watch->argument);
  }
}

static void set_events(struct fd_watch *watch, int operation, uint32_t events, int fd) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  check(epoll_ctl(watch->epoll, operation, fd, &event) == 0, "epoll_ctl");
}

/* Signals are for the loop's thread. */
static void start_thread(struct fd_watch *watch) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  errno = pthread_create(&watch->thread, NULL, watch_run, watch);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  check(errno == 0, "pthread_create");
  pthread_setname_np(watch->thread, "fd-watch");
}

struct fd_watch *fd_watch_new(int fd, void (*ready)(void *argument), void *argument) {
  struct fd_watch *watch = memory_calloc(1, sizeof(*watch));
  *watch = (struct fd_watch){.fd = fd, .ready = ready, .argument = argument};
  watch->epoll = epoll_create1(EPOLL_CLOEXEC);
  check(watch->epoll >= 0, "epoll_create1");
  watch->end = eventfd(0, EFD_CLOEXEC);
  check(watch->end >= 0, "eventfd");
  set_events(watch, EPOLL_CTL_ADD, EPOLLIN, watch->end);
  set_events(watch, EPOLL_CTL_ADD, EPOLLONESHOT, fd);
  start_thread(watch);
  return watch;
}

bool fd_watch_arm(struct fd_watch *watch) {
  struct pollfd now = {.fd = watch->fd, .events = POLLIN};
  if (poll(&now, 1, 0) != 0) return true;
  if (atomic_load(&watch->armed)) return false;
  atomic_store(&watch->armed, true);
  set_events(watch, EPOLL_CTL_MOD, EPOLLIN | EPOLLONESHOT, watch->fd);
  return false;
}

void fd_watch_free(struct fd_watch *watch) {
  uint64_t one = 1;
  check(write(watch->end, &one, sizeof(one)) == sizeof(one), "write");
  pthread_join(watch->thread, NULL);
  close(watch->epoll);
  close(watch->end);
  free(watch);
}
