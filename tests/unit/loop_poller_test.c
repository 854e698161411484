/* SPDX-License-Identifier: Apache-2.0 */
/* A poller in the place of the loop's sleep: whatever would have ended the sleep still ends it. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/context.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "suite.h"

enum { US_PER_MS = 1000, ROUNDS = 200, LONG_US = 1000 * 1000 * 1000 };

/* Sleeps in poll() on an eventfd. */
struct sleeper {
  struct loop_poller poller; /* first */
  int fd;
  int polls, sleeps;
  int longest_ms;          /* that it was allowed to sleep; -1 means without limit */
  struct coroutine *woken; /* by its event; NULL means nobody */
};

static void sleeper_poll(struct loop_poller *poller, int timeout_ms) {
  struct sleeper *sleeper = (struct sleeper *)poller;
  struct pollfd fd = {.fd = sleeper->fd, .events = POLLIN};
  uint64_t value;
  sleeper->polls++;
  sleeper->sleeps += timeout_ms != 0;
  if (timeout_ms > sleeper->longest_ms) sleeper->longest_ms = timeout_ms;
  if (poll(&fd, 1, timeout_ms) != 1) return;
  CU_ASSERT(read(sleeper->fd, &value, sizeof(value)) == sizeof(value));
  if (sleeper->woken) coroutine_wake(sleeper->woken);
}

static void sleeper_wake(struct loop_poller *poller) {
  uint64_t one = 1;
  CU_ASSERT(write(((struct sleeper *)poller)->fd, &one, sizeof(one)) == sizeof(one));
}

static struct sleeper sleeper_start(void) {
  return (struct sleeper){.poller = {.poll = sleeper_poll, .wake = sleeper_wake}, .fd = eventfd(0, EFD_CLOEXEC)};
}

static void test_deadlines(struct context *context) {
  struct sleeper sleeper = sleeper_start();
  loop_set_poller(coroutine_loop(), &sleeper.poller);
  int64_t begin_us = clock_monotonic_us();
  coroutine_sleep(50 * US_PER_MS, context->deadline_us);
  CU_ASSERT(clock_monotonic_us() - begin_us >= 50 * US_PER_MS);
  CU_ASSERT(sleeper.sleeps >= 1 && sleeper.polls < 20);
  loop_set_poller(coroutine_loop(), NULL);
  close(sleeper.fd);
}

struct posted {
  struct loop_task task; /* first */
  struct loop *loop;
  struct coroutine *waiting;
  atomic_bool done;
};

static void posted_run(struct loop_task *task) {
  struct posted *posted = (struct posted *)task;
  atomic_store(&posted->done, true);
  coroutine_wake(posted->waiting);
}

static void *post(void *argument) {
  struct posted *posted = argument;
  loop_post(posted->loop, &posted->task);
  return NULL;
}

static void test_posts(struct context *context) {
  struct sleeper sleeper = sleeper_start();
  loop_set_poller(coroutine_loop(), &sleeper.poller);
  for (int i = 0; i < ROUNDS; i++) {
    struct posted posted = {.task.run = posted_run, .loop = coroutine_loop(), .waiting = coroutine_self()};
    pthread_t thread;
    pthread_create(&thread, NULL, post, &posted);
    while (!atomic_load(&posted.done) && coroutine_yield_until(context->deadline_us)) continue;
    CU_ASSERT_FATAL(atomic_load(&posted.done));
    pthread_join(thread, NULL);
  }
  loop_set_poller(coroutine_loop(), NULL);
  close(sleeper.fd);
}

struct echo {
  int to, from; /* a pipe each */
};

static void *echo_bytes(void *argument) {
  struct echo *echo = argument;
  char byte;
  while (read(echo->from, &byte, 1) == 1) CU_ASSERT(write(echo->to, &byte, 1) == 1);
  return NULL;
}

static void readable(uv_poll_t *handle, int status, int events) {
  char byte;
  uv_os_fd_t fd;
  (void)status, (void)events;
  uv_fileno((uv_handle_t *)handle, &fd);
  CU_ASSERT(read(fd, &byte, 1) == 1);
  coroutine_wake(handle->data);
}

static void closed(uv_handle_t *handle) {
  coroutine_wake(handle->data);
}

static void exchange_bytes(struct context *context, int64_t gather_us) {
  struct sleeper sleeper = sleeper_start();
  int there[2], back[2];
  CU_ASSERT_FATAL(pipe(there) == 0 && pipe(back) == 0);
  struct echo echo = {.from = there[0], .to = back[1]};
  pthread_t thread;
  uv_poll_t handle;
  loop_set_poller(coroutine_loop(), &sleeper.poller);
  pthread_create(&thread, NULL, echo_bytes, &echo);
  uv_poll_init(loop_uv(coroutine_loop()), &handle, back[0]);
  handle.data = coroutine_self();
  uv_poll_start(&handle, UV_READABLE, readable);
  for (int i = 0; i < ROUNDS; i++) {
    if (gather_us > 0) loop_gather(coroutine_loop(), gather_us);
    CU_ASSERT(write(there[1], "x", 1) == 1);
    CU_ASSERT_FATAL(coroutine_yield_until(context->deadline_us));
  }
  uv_close((uv_handle_t *)&handle, closed);
  coroutine_yield();
  close(there[1]);
  pthread_join(thread, NULL);
  loop_set_poller(coroutine_loop(), NULL);
  int fds[] = {there[0], back[0], back[1], sleeper.fd};
  for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) close(fds[i]);
}

static void test_descriptors(struct context *context) {
  exchange_bytes(context, 0);
}

static void test_gathering_and_descriptors(struct context *context) {
  exchange_bytes(context, LONG_US);
}

static void test_gathering(struct context *context) {
  struct sleeper sleeper = sleeper_start();
  sleeper.woken = coroutine_self();
  loop_set_poller(coroutine_loop(), &sleeper.poller);
  coroutine_sleep(US_PER_MS, context->deadline_us); /* until libuv has nothing left of what came before */
  sleeper_wake(&sleeper.poller);                    /* it is there before the sleep begins */
  int64_t begin_us = clock_monotonic_us();
  loop_gather(coroutine_loop(), 50 * US_PER_MS);
  CU_ASSERT_TRUE(coroutine_yield_until(context->deadline_us));
  CU_ASSERT(clock_monotonic_us() - begin_us >= 50 * US_PER_MS);
  loop_set_poller(coroutine_loop(), NULL);
  close(sleeper.fd);
}

static void test_gathering_and_deadlines(struct context *context) {
  struct sleeper sleeper = sleeper_start();
  loop_set_poller(coroutine_loop(), &sleeper.poller);
  int64_t begin_us = clock_monotonic_us();
  loop_gather(coroutine_loop(), LONG_US);
  coroutine_sleep(20 * US_PER_MS, context->deadline_us);
  CU_ASSERT(clock_monotonic_us() - begin_us < LONG_US);
  loop_set_poller(coroutine_loop(), NULL);
  close(sleeper.fd);
}

static void test_removed(struct context *context) {
  struct sleeper sleeper = sleeper_start();
  loop_set_poller(coroutine_loop(), &sleeper.poller);
  coroutine_sleep(US_PER_MS, context->deadline_us);
  loop_set_poller(coroutine_loop(), NULL);
  int polls = sleeper.polls;
  coroutine_sleep(US_PER_MS, context->deadline_us);
  CU_ASSERT_EQUAL(sleeper.polls, polls);
  close(sleeper.fd);
}

static void test_deadlines_in_loop(void) {
  in_coroutine(test_deadlines);
}
static void test_posts_in_loop(void) {
  in_coroutine(test_posts);
}
static void test_descriptors_in_loop(void) {
  in_coroutine(test_descriptors);
}
static void test_gathering_in_loop(void) {
  in_coroutine(test_gathering);
}
static void test_gathering_and_deadlines_in_loop(void) {
  in_coroutine(test_gathering_and_deadlines);
}
static void test_gathering_and_descriptors_in_loop(void) {
  in_coroutine(test_gathering_and_descriptors);
}
static void test_removed_in_loop(void) {
  in_coroutine(test_removed);
}

static const struct test tests[] = {
    {"a deadline ends the poller's sleep", test_deadlines_in_loop},
    {"a task of another thread ends it, every time", test_posts_in_loop},
    {"a descriptor of libuv ends it, every time", test_descriptors_in_loop},
    {"what the poller waits for comes together where that is asked for", test_gathering_in_loop},
    {"a deadline ends that", test_gathering_and_deadlines_in_loop},
    {"a descriptor of libuv ends that, every time", test_gathering_and_descriptors_in_loop},
    {"a poller that is removed is not called again", test_removed_in_loop},
};

int main(int argc, char **argv) {
  return suite_main("loop poller", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
