/* SPDX-License-Identifier: Apache-2.0 */
/* What is in the output of `ordershop` when something ends it: whole lines, and all that it says it has done. The
 * program runs as a process, on a shop that answers as scripted. */
#include <fcntl.h>
#include <ordershop/v1/customer.pb-c.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "client/cli/line/command.h"
#include "client_fake_shop.h"
#include "patience.h"
#include "suite.h"

enum { BLOCKS = 30, BLOCK = 100, POLL_US = 1000, ID_LINE = 37 };

static struct arena *arena;
static struct fake_shop *shop;
static const char *folder;

/* ---- the process ------------------------------------------------------------------------------------------------ */

static struct {
  pid_t pid;
  const char *out, *err; /* files; out may be another one */
} process;

static const char *file_of(const char *name) {
  return arena_printf(arena, "%s/%s", folder, name);
}

static const char *text_of(const char *path) {
  struct stat status;
  FILE *file = fopen(path, "re");
  if (!file || fstat(fileno(file), &status) != 0) return "";
  char *text = arena_calloc(arena, 1, (size_t)status.st_size + 1);
  text[fread(text, 1, (size_t)status.st_size, file)] = '\0';
  fclose(file);
  return text;
}

static _Noreturn void become_program(int out, rlim_t size_max, char *const *argv) {
  int err = open(process.err, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  if (size_max > 0) setrlimit(RLIMIT_FSIZE, &(struct rlimit){size_max, size_max});
  execv(ORDERSHOP_PROGRAM, argv);
  _exit(127);
}

/* Begins "<command> <flags>" with its output at `out`, which is closed here. `size_max`: of files; 0 means any. */
static void begin(const char *line, int out, rlim_t size_max) {
  char *rest = arena_strdup(arena, line);
  char **argv = arena_calloc(arena, strlen(line) + 3, sizeof(*argv));
  int argc = 0;
  argv[argc++] = arena_strdup(arena, "ordershop");
  for (char *word; (word = strsep(&rest, " "));) argv[argc++] = word;
  process.err = file_of("err");
  fflush(NULL);
  process.pid = fork();
  if (process.pid == 0) become_program(out, size_max, argv);
  close(out);
}

static int open_out(void) {
  process.out = file_of("out");
  return open(process.out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

/* The wait status; -1, and killed, if it doesn't end in time. */
static int end(void) {
  int status;
  int64_t deadline_us = patience_end_us();
  while (waitpid(process.pid, &status, WNOHANG) == 0) {
    if (clock_monotonic_us() > deadline_us) {
      kill(process.pid, SIGKILL);
      waitpid(process.pid, NULL, 0);
      return -1;
    }
    usleep(POLL_US);
  }
  return status;
}

/* Until so many calls have been made. */
static void wait_for_calls(size_t count) {
  int64_t deadline_us = patience_end_us();
  while (fake_shop_count(shop) < count && clock_monotonic_us() < deadline_us) usleep(POLL_US);
  CU_ASSERT_TRUE(fake_shop_count(shop) >= count);
}

/* ---- what it is answered ---------------------------------------------------------------------------------------- */

static Ordershop__V1__Customer **some_customers(size_t count) {
  Ordershop__V1__Customer **customers = arena_calloc(arena, count, sizeof(*customers));
  for (size_t i = 0; i < count; i++) {
    customers[i] = arena_alloc(arena, sizeof(**customers));
    ordershop__v1__customer__init(customers[i]);
    customers[i]->id = (char *)uuid_random(arena);
    customers[i]->name = (char *)"Ada";
  }
  return customers;
}

/* The shop answers so many blocks, and the call after them by `last`. */
static void answer_blocks_and(size_t count, struct fake_answer last) {
  struct fake_answer *answers = arena_calloc(arena, count + 1, sizeof(*answers));
  for (size_t i = 0; i < count; i++) {
    Ordershop__V1__BatchCreateCustomersResponse *response = arena_alloc(arena, sizeof(*response));
    ordershop__v1__batch_create_customers_response__init(response);
    response->n_customers = BLOCK;
    response->customers = some_customers(BLOCK);
    answers[i].message = response;
  }
  answers[count] = last;
  fake_shop_script(shop, answers, count + 1);
}

/* ... in a minute. */
static void answer_blocks(size_t count) {
  answer_blocks_and(count, (struct fake_answer){.delay_ms = 60000});
}

static const char *lines_file(void) {
  const char *path = file_of("lines");
  FILE *file = fopen(path, "we");
  for (int i = 0; i < BLOCKS * BLOCK; i++) {
    fprintf(file, "{\"name\": \"N%d\", \"email\": \"n%d@example.com\"}\n", i, i);
  }
  fclose(file);
  return path;
}

static const char *create_from_lines(const char *flags) {
  return arena_printf(arena, "customer create --from %s %s", lines_file(), flags);
}

/* ---- what it says and what it has printed ----------------------------------------------------------------------- */

/* Lines of `text`; -1 means the last one is not whole. */
static long whole_lines(const char *text) {
  long lines = 0;
  const char *end = text;
  for (const char *at = text; (at = strchr(at, '\n')); end = ++at) lines++;
  return *end ? -1 : lines;
}

/* "..., 1300 customers created" -> 1300; -1 means it doesn't say so. */
static long said_created(const char *text) {
  const char *at = strstr(text, " customers created");
  while (at && at > text && at[-1] >= '0' && at[-1] <= '9') at--;
  return at ? strtol(at, NULL, 10) : -1;
}

static void check_said_is_printed(long blocks) {
  long printed = whole_lines(text_of(process.out));
  CU_ASSERT_EQUAL(printed, blocks * BLOCK);
  CU_ASSERT_EQUAL(said_created(text_of(process.err)), printed);
  CU_ASSERT_PTR_NOT_NULL(strstr(text_of(process.err), "--request-id "));
}

/* ---- the tests -------------------------------------------------------------------------------------------------- */

static void end_by_signal(int number, const char *flags) {
  answer_blocks(BLOCKS / 2);
  begin(create_from_lines(flags), open_out(), 0);
  wait_for_calls(BLOCKS / 2 + 1); /* the block before is printed or about to be */
  kill(process.pid, number);
  int status = end();
  CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == number);
  check_said_is_printed(BLOCKS / 2);
}

static void says_at_a_signal_what_is_printed(void) {
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    end_by_signal(numbers[i], "--quiet");
    end_by_signal(numbers[i], "--json");
  }
}

/* At whatever moment. */
static void prints_whole_lines_at_any_moment(void) {
  for (int i = 0; i < 40; i++) {
    answer_blocks(BLOCKS - 1); /* so that it doesn't end by itself */
    begin(create_from_lines("--quiet"), open_out(), 0);
    wait_for_calls(1 + (size_t)i % BLOCKS);
    usleep((useconds_t)(i * 37 % 500));
    kill(process.pid, SIGTERM);
    end();
    long printed = whole_lines(text_of(process.out));
    CU_ASSERT_TRUE(printed >= 0);
    CU_ASSERT_EQUAL(said_created(text_of(process.err)), printed);
  }
}

/* kill -9 lets nothing be said, but cuts no line either. */
static void prints_whole_lines_when_killed(void) {
  answer_blocks(BLOCKS / 2);
  begin(create_from_lines("--quiet"), open_out(), 0);
  wait_for_calls(BLOCKS / 2 + 1);
  kill(process.pid, SIGKILL);
  end();
  CU_ASSERT_EQUAL(whole_lines(text_of(process.out)), BLOCKS / 2 * BLOCK);
}

/* The file may not grow beyond the middle of a line, as on a disk that is full. */
static void takes_back_a_line_that_does_not_fit(void) {
  answer_blocks(BLOCKS);
  begin(create_from_lines("--quiet"), open_out(), 250 * ID_LINE + 12);
  int status = end();
  CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_REFUSED);
  CU_ASSERT_EQUAL(whole_lines(text_of(process.out)), 250);
  const char *said = text_of(process.err);
  CU_ASSERT_EQUAL(said_created(said), 3 * BLOCK);
  CU_ASSERT_PTR_NOT_NULL(strstr(said, "300 customers created, the last 50 not in the output"));
  CU_ASSERT_PTR_NOT_NULL(strstr(said, "--request-id "));
  CU_ASSERT_PTR_NOT_NULL(strstr(said, "can't write to standard output: File too large"));
  CU_ASSERT_EQUAL(fake_shop_count(shop), 3);
}

static void says_what_a_full_device_has_not(void) {
  answer_blocks(BLOCKS);
  begin(create_from_lines("--quiet"), open("/dev/full", O_WRONLY | O_CLOEXEC), 0);
  int status = end();
  CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_REFUSED);
  const char *said = text_of(process.err);
  CU_ASSERT_PTR_NOT_NULL(strstr(said, "100 customers created, the last 100 not in the output"));
  CU_ASSERT_PTR_NOT_NULL(strstr(said, "--request-id "));
  CU_ASSERT_PTR_NOT_NULL(strstr(said, "No space left on device"));
  CU_ASSERT_EQUAL(fake_shop_count(shop), 1);
}

/* `ordershop ... | head -n 1` */
static void says_what_a_closed_pipe_has_not(void) {
  int ends[2];
  char line[64];
  CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
  answer_blocks(BLOCKS);
  begin(create_from_lines("--quiet"), ends[1], 0);
  FILE *reader = fdopen(ends[0], "r");
  CU_ASSERT_PTR_NOT_NULL(fgets(line, sizeof(line), reader));
  fclose(reader);
  int status = end();
  CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
  const char *said = text_of(process.err);
  CU_ASSERT_PTR_NOT_NULL(strstr(said, "not in the output"));
  CU_ASSERT_PTR_NOT_NULL(strstr(said, "--request-id "));
  CU_ASSERT_TRUE(said_created(said) > 0 && said_created(said) % BLOCK == 0);
  CU_ASSERT_EQUAL(said_created(said), (long)fake_shop_count(shop) * BLOCK);
}

/* `ordershop ... | less`, and nobody pages: Ctrl-C ends it all the same. */
static void ends_though_nobody_reads(void) {
  int ends[2], left = 0;
  CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
  fcntl(ends[1], F_SETPIPE_SZ, 4096);
  answer_blocks(BLOCKS);
  begin(create_from_lines("--quiet"), ends[1], 0);
  wait_for_calls(2);
  kill(process.pid, SIGINT);
  int status = end();
  CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
  char *text = arena_calloc(arena, 1, 65536);
  for (ssize_t got; (got = read(ends[0], text + left, (size_t)(65535 - left))) > 0;) left += (int)got;
  close(ends[0]);
  CU_ASSERT_EQUAL(said_created(text_of(process.err)), whole_lines(text));
}

static void prints_all_before_a_failure(void) {
  answer_blocks_and(2, (struct fake_answer){.status = {.code = STATUS_PERMISSION_DENIED, .message = "no more"}});
  begin(create_from_lines("--quiet"), open_out(), 0);
  int status = end();
  CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_REFUSED);
  CU_ASSERT_EQUAL(whole_lines(text_of(process.out)), 2 * BLOCK);
  CU_ASSERT_PTR_NOT_NULL(strstr(text_of(process.err), "--request-id "));
}

static void prints_whole_lines_of_lists(void) {
  static const char *const forms[] = {"--quiet", "--json", ""};
  for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
    Ordershop__V1__ListCustomersResponse page = ORDERSHOP__V1__LIST_CUSTOMERS_RESPONSE__INIT;
    page.customers = some_customers(BLOCK);
    page.n_customers = BLOCK;
    page.next_page_token = (char *)"more";
    const struct fake_answer answers[] = {{.message = &page}, {.delay_ms = 60000}};
    fake_shop_script(shop, answers, 2);
    begin(arena_printf(arena, "customer list --all%s%s", *forms[i] ? " " : "", forms[i]), open_out(), 0);
    wait_for_calls(2);
    kill(process.pid, SIGTERM);
    end();
    CU_ASSERT_EQUAL(whole_lines(text_of(process.out)), *forms[i] ? BLOCK : BLOCK + 1);
  }
}

static int set_up(void) {
  const char *above = getenv("TMPDIR");
  shop = fake_shop_start();
  arena = arena_new();
  char *made = arena_strdup(arena, arena_printf(arena, "%s/client_output.XXXXXX", above ? above : "/tmp"));
  folder = mkdtemp(made);
  setenv("ORDERSHOP_CUSTOMER_ADDRESS", fake_shop_address(shop), 1);
  return folder ? 0 : 1;
}

static int tear_down(void) {
  static const char *const names[] = {"out", "err", "lines"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) unlink(file_of(names[i]));
  rmdir(folder);
  fake_shop_stop(shop);
  arena_free(arena);
  return 0;
}

static const struct test tests[] = {
    {"what a signal has it say is done is in the output", says_at_a_signal_what_is_printed},
    {"a signal cuts no line and no count, whenever it comes", prints_whole_lines_at_any_moment},
    {"kill -9 cuts no line", prints_whole_lines_when_killed},
    {"a line that doesn't fit on the disk is taken back, and what is missing is said",
     takes_back_a_line_that_does_not_fit},
    {"a full device: what is missing is said", says_what_a_full_device_has_not},
    {"a pipe closed by its reader: what is missing is said, and nothing more is done", says_what_a_closed_pipe_has_not},
    {"Ctrl-C ends it though nobody reads its output", ends_though_nobody_reads},
    {"a call that fails leaves what was done before in the output", prints_all_before_a_failure},
    {"lists that are ended have whole lines", prints_whole_lines_of_lists},
};

int main(int argc, char **argv) {
  return suite_main("output", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
