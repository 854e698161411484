/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/crash.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/poison.h"
#include "loop/coroutine.h"
#include "loop/label.h"
#include "loop/loop.h"
#include "suite.h"

/* What a process that crashed has written to its log, and the signal that ended it (0: none did). */
struct crash {
  char text[8192];
  int signal;
};

static void run_in_child(void (*run)(void *argument), enum log_format format, int write_end) {
  setrlimit(RLIMIT_CORE, &(struct rlimit){0});
  dup2(write_end, STDERR_FILENO);
  log_start("shop", LOG_INFO, format);
  crash_watch();
  struct loop *loop = loop_new(NULL);
  loop_spawn(loop, run, NULL);
  loop_run(loop);
  _exit(0);
}

/* Runs `run` as a coroutine of a service's process. */
static struct crash crash_of(void (*run)(void *argument), enum log_format format) {
  struct crash crash = {.signal = 0};
  int ends[2];
  CU_ASSERT_FATAL(pipe(ends) == 0);
  pid_t child = fork();
  if (child == 0) run_in_child(run, format, ends[1]);
  close(ends[1]);
  const size_t max = sizeof(crash.text) - 1;
  size_t size = 0;
  ssize_t got = 1;
  while (got > 0 && size < max) {
    got = read(ends[0], crash.text + size, max - size);
    if (got > 0) size += (size_t)got;
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) crash.signal = WTERMSIG(status);
  return crash;
}

/* Sanitizers report themselves and end the process in their own way. */
#ifdef ADDRESS_SANITIZED
#define ASSERT_CRASH(crash, number) \
  CU_ASSERT(strstr((crash).text, "Sanitizer") || strstr((crash).text, "runtime error"))
#define ASSERT_SAYS(crash, part) ((void)(crash), (void)(part))
#define ASSERT_SAYS_NOT(crash, part) ((void)(crash), (void)(part))
#else
#define ASSERT_CRASH(crash, number) CU_ASSERT_EQUAL((crash).signal, number)
#define ASSERT_SAYS(crash, part) CU_ASSERT_PTR_NOT_NULL(strstr((crash).text, part))
#define ASSERT_SAYS_NOT(crash, part) CU_ASSERT_PTR_NULL(strstr((crash).text, part))
#endif

#define STACK_IS_USED_UP "a coroutine's stack is used up"

/* ---- stacks ----------------------------------------------------------------------------------------------------- */

/* The mistake that is told of. */
#pragma GCC diagnostic ignored "-Wframe-larger-than="

/* Goes up, so that the first byte that it touches lies farthest from the stack. */
static __attribute__((noinline)) void use_400_kib(void) {
  char room[400 * 1024]; /* more than a coroutine has under AddressSanitizer, too */
  memset(room, 'x', sizeof(room));
  coroutine_sleep(((volatile char *)room)[1000], 0);
}

static void large_locals_in_a_method(void *argument) {
  (void)argument;
  label_set(&(struct label){.kind = "method", .name = "CreateNote"});
  use_400_kib();
  _exit(0);
}

static void test_large_locals(void) {
  struct crash crash = crash_of(large_locals_in_a_method, LOG_LOGFMT);
  ASSERT_CRASH(crash, SIGSEGV);
  ASSERT_SAYS(crash, "level=error service=shop message=\"crashed: " STACK_IS_USED_UP);
  ASSERT_SAYS(crash, " signal=SIGSEGV address=0x");
  ASSERT_SAYS(crash, " method=CreateNote\n");
}

static __attribute__((noinline)) int descend(int levels) {
  volatile char room[512];
  room[levels % 512] = 'x';
  return levels == 0 ? 0 : descend(levels - 1) + room[levels % 512];
}

static void recursion_in_an_event(void *argument) {
  (void)argument;
  label_set(&(struct label){.kind = "event", .name = "note_created", .entry = "1548699678802-91", .key = "8c1f"});
  descend(1000000);
  _exit(0);
}

static void test_recursion(void) {
  struct crash crash = crash_of(recursion_in_an_event, LOG_JSON);
  ASSERT_CRASH(crash, SIGSEGV);
  ASSERT_SAYS(crash, "\"level\":\"error\",\"service\":\"shop\",\"message\":\"crashed: " STACK_IS_USED_UP);
  ASSERT_SAYS(crash, "\"signal\":\"SIGSEGV\",\"address\":\"0x");
  ASSERT_SAYS(crash, "\"event\":\"note_created\",\"entry\":\"1548699678802-91\",\"key\":\"8c1f\"}\n");
}

/* ---- other faults ----------------------------------------------------------------------------------------------- */

static void write_to(void *address) {
  *(volatile char *)address = 'x';
}

static void null_pointer(void *argument) {
  label_set(&(struct label){.kind = "method", .name = "GetNote"});
  write_to(argument);
}

static void test_null_pointer(void) {
  struct crash crash = crash_of(null_pointer, LOG_LOGFMT);
  ASSERT_CRASH(crash, SIGSEGV);
  ASSERT_SAYS(crash, "message=crashed signal=SIGSEGV address=0x0000000000000000 method=GetNote\n");
}

static void null_pointer_on_loop_stack(void *argument) {
  label_set(&(struct label){.kind = "method", .name = "GetNote"});
  coroutine_on_loop_stack(write_to, argument);
}

static void test_loop_stack(void) {
  struct crash crash = crash_of(null_pointer_on_loop_stack, LOG_LOGFMT);
  ASSERT_CRASH(crash, SIGSEGV);
  ASSERT_SAYS(crash, " method=GetNote\n");
  ASSERT_SAYS_NOT(crash, STACK_IS_USED_UP);
}

static void unlabelled_trap(void *argument) {
  (void)argument;
  raise(SIGILL);
}

static void test_no_label(void) {
  struct crash crash = crash_of(unlabelled_trap, LOG_LOGFMT);
#ifndef ADDRESS_SANITIZED /* which leaves this signal alone */
  ASSERT_CRASH(crash, SIGILL);
#endif
  ASSERT_SAYS(crash, "message=crashed signal=SIGILL address=\n");
}

static void abort_in_a_method(void *argument) {
  (void)argument;
  label_set(&(struct label){.kind = "method", .name = "GetNote"});
  log_event(LOG_INFO, "about to abort", NULL);
  abort();
}

static void test_abort(void) {
  struct crash crash = crash_of(abort_in_a_method, LOG_LOGFMT);
  CU_ASSERT_EQUAL(crash.signal, SIGABRT);
  ASSERT_SAYS(crash, "message=\"about to abort\"\n");
  ASSERT_SAYS(crash, "message=crashed signal=SIGABRT address= method=GetNote\n");
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a method whose local variables use up its stack is named by the last line", test_large_locals},
      {"an event whose handler recurses too deeply is named by the last line", test_recursion},
      {"another fault is told with its address and the method", test_null_pointer},
      {"a fault on the loop's stack is told with the method that it was used for", test_loop_stack},
      {"a fault while neither method nor event has its turn is told without one", test_no_label},
      {"an abort is told behind the lines that were logged before", test_abort},
  };
  return suite_main("crash", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
