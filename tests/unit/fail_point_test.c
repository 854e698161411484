/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/fail_point.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "suite.h"

static char folder[256];

static int set_up(void) {
  const char *parent = getenv("TMPDIR");
  snprintf(folder, sizeof(folder), "%s/ordershop-fail-point-XXXXXX", parent ? parent : "/tmp");
  if (!mkdtemp(folder)) return 1;
  return setenv("FAIL_POINT_DIR", folder, 1);
}

static int tear_down(void) {
  return rmdir(folder);
}

static const char *path_of(const char *name) {
  static char path[512];
  snprintf(path, sizeof(path), "%s/%s", folder, name);
  return path;
}

static void arm(const char *name, const char *action) {
  FILE *file = fopen(path_of(name), "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fputs(action, file);
  fclose(file);
}

#ifdef FAIL_POINTS

static bool exists(const char *name) {
  return access(path_of(name), F_OK) == 0;
}

static void pass_unarmed(struct context *context) {
  (void)context;
  CU_ASSERT(!fail_point("unarmed"));
}

static void test_unarmed(void) {
  in_coroutine(pass_unarmed);
}

static void pass_error(struct context *context) {
  (void)context;
  arm("reply", "error\n");
  CU_ASSERT(!fail_point("other"));
  CU_ASSERT(fail_point("reply"));
  CU_ASSERT(exists("reply.hit") && !exists("reply"));
  CU_ASSERT(!fail_point("reply"));
  unlink(path_of("reply.hit"));
}

static void test_error(void) {
  in_coroutine(pass_error);
}

static bool went_on;

static void pass_pause(void *argument) {
  (void)argument;
  CU_ASSERT(!fail_point("apply"));
  went_on = true;
}

static void release_pause(struct context *context) {
  arm("apply", "pause");
  loop_spawn(coroutine_loop(), pass_pause, NULL);
  while (!exists("apply.hit")) coroutine_sleep(1000, context->deadline_us);
  coroutine_sleep(30000, context->deadline_us);
  CU_ASSERT(!went_on);
  unlink(path_of("apply.hit"));
  while (!went_on && clock_monotonic_us() < context->deadline_us) coroutine_sleep(1000, context->deadline_us);
  CU_ASSERT(went_on);
  while (loop_figures(coroutine_loop()).coroutines > 1) coroutine_sleep(1000, context->deadline_us);
}

static void test_pause(void) {
  in_coroutine(release_pause);
}

static void pass_kill(struct context *context) {
  (void)context;
  fail_point("record");
}

static void test_kill(void) {
  arm("record", "kill\n");
  pid_t child = fork();
  if (child == 0) {
    in_coroutine(pass_kill);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  CU_ASSERT(exists("record.hit"));
  unlink(path_of("record.hit"));
}

/* The test that arms it may be between creating the file and writing it. */
static bool slow_error;

static void pass_slow(void *argument) {
  (void)argument;
  slow_error = fail_point("slow");
  went_on = true;
}

static void write_slowly(struct context *context) {
  went_on = false;
  FILE *file = fopen(path_of("slow"), "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  loop_spawn(coroutine_loop(), pass_slow, NULL);
  while (!exists("slow.hit")) coroutine_sleep(1000, context->deadline_us);
  fputs("error", file);
  fclose(file);
  while (loop_figures(coroutine_loop()).coroutines > 1) coroutine_sleep(1000, context->deadline_us);
  CU_ASSERT(went_on && slow_error);
  unlink(path_of("slow.hit"));
}

static void test_written_slowly(void) {
  in_coroutine(write_slowly);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a place that nobody armed is passed", test_unarmed},
      {"error is answered once, and only by the named place", test_error},
      {"pause holds the coroutine and nobody else until the hit is gone", test_pause},
      {"kill ends the process at once", test_kill},
      {"a file that is still empty is waited for", test_written_slowly},
  };
  return suite_main("fail_point", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}

#else

static void test_nothing(void) {
  arm("place", "error");
  CU_ASSERT(!fail_point("place"));
  CU_ASSERT_EQUAL(unlink(path_of("place")), 0);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {{"a build without fail points passes every place", test_nothing}};
  return suite_main("fail_point", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}

#endif
