/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "client/cli/output/output.h"

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void (*current)(const void *argument);
static const void *current_argument;

void interrupt_set_farewell(void (*farewell)(const void *argument), const void *argument) {
  pthread_mutex_lock(&mutex);
  current = farewell;
  current_argument = argument;
  pthread_mutex_unlock(&mutex);
}

/* As the first process of a container, signals without a handler don't end it. */
static _Noreturn void die_of(int number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  signal(number, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  kill(getpid(), number);
  _exit(128 + number);
}

static void *wait_for_signal(void *argument) {
  const sigset_t *set = argument;
  int number;
  while (sigwait(set, &number) != 0) continue;
  output_hold(); /* first: what is said then agrees with what is printed */
  pthread_mutex_lock(&mutex);
  if (current) current(current_argument);
  die_of(number);
}

void interrupt_keep_pipes(void) {
  signal(SIGPIPE, SIG_IGN);
}

void interrupt_die_of_pipe(void) {
  die_of(SIGPIPE);
}

void interrupt_watch(void) {
  static sigset_t set; /* the thread reads it */
  sigemptyset(&set);
  for (size_t i = 0; i < NUMBERS; i++) {
    struct sigaction action;
    if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) sigaddset(&set, numbers[i]);
  }
  signal(SIGPIPE, SIG_DFL); /* whoever closed the pipe has seen enough: end without a word */
  signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error, as a full disk is */
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  pthread_t thread;
  if (pthread_create(&thread, NULL, wait_for_signal, &set) != 0) {
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    return;
  }
  pthread_detach(thread);
}

void interrupt_hand_over(void) {
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < NUMBERS; i++) sigaddset(&set, numbers[i]);
  signal(SIGXFSZ, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
