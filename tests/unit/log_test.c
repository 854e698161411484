/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_line.h"
#include "base/utf8.h"
#include "base/violations.h"
#include "patience.h"
#include "suite.h"

/* Standard error goes into a pipe while a test logs. */
struct capture {
  int saved, reader;
  size_t size;
  char text[1024 * 1024];
};

static struct capture capture;

static void capture_begin(void) {
  int ends[2];
  CU_ASSERT_FATAL(pipe2(ends, O_CLOEXEC) == 0);
  capture.saved = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  close(ends[1]);
  capture.reader = ends[0];
  capture.size = 0;
}

/* Reads what has come, and waits for it no longer than `wait_ms`. */
static void capture_read(int wait_ms) {
  struct pollfd pipe = {.fd = capture.reader, .events = POLLIN};
  const size_t max = sizeof(capture.text) - 1;
  while (capture.size < max && poll(&pipe, 1, wait_ms) > 0 && (pipe.revents & POLLIN)) {
    ssize_t size = read(capture.reader, capture.text + capture.size, max - capture.size);
    if (size <= 0) break;
    capture.size += (size_t)size;
    wait_ms = 0;
  }
  capture.text[capture.size] = '\0';
}

/* Restores standard error, reads what is left, and says what was logged. */
static const char *capture_end(void) {
  dup2(capture.saved, STDERR_FILENO);
  close(capture.saved);
  capture_read(0);
  close(capture.reader);
  return capture.text;
}

static size_t lines_of(const char *text) {
  size_t lines = 0;
  for (; *text; text++) lines += *text == '\n';
  return lines;
}

/* Behind the JSON string at `at`, or NULL if there is none. */
static const char *skip_string(const char *at) {
  if (!at || *at++ != '"') return NULL;
  for (; *at != '"'; at++) {
    if ((unsigned char)*at < 0x20) return NULL;
    if (*at != '\\') continue;
    at++;
    if (*at == 'u' && strspn(at + 1, "0123456789abcdef") < 4) return NULL;
    if (*at == '\0' || !strchr("\"\\bfnrtu", *at)) return NULL;
  }
  return at + 1;
}

/* True for a line that is a JSON object of strings. */
static bool is_json(const char *line) {
  if (utf8_length(line, strlen(line)) < 0 || *line != '{') return false;
  do {
    line = skip_string(line + 1);
    if (!line || *line != ':') return false;
    line = skip_string(line + 1);
  } while (line && *line == ',');
  return line && strcmp(line, "}\n") == 0;
}

/* What follows the time, which is checked for its form. */
static const char *without_time(const char *line) {
  static const char pattern[] = "time=dddd-dd-ddTdd:dd:dd.ddddddZ ";
  for (size_t i = 0; i < sizeof(pattern) - 1; i++) {
    bool fits = pattern[i] == 'd' ? line[i] >= '0' && line[i] <= '9' : line[i] == pattern[i];
    if (!fits && i != 10) return "(no time)";
  }
  return line + sizeof(pattern) - 1;
}

static void test_logfmt(void) {
  capture_begin();
  log_start("customer", LOG_INFO, LOG_LOGFMT);
  log_event(LOG_INFO, "redis is back", "address", "127.0.0.1:6380", "attempt", log_number(3), "note", NULL, NULL);
  log_stop();
  const char *text = capture_end();
  CU_ASSERT_STRING_EQUAL(
      without_time(text),
      "level=info service=customer message=\"redis is back\" address=127.0.0.1:6380 attempt=3 note=\n");
}

static void test_level(void) {
  capture_begin();
  log_start("customer", LOG_WARN, LOG_LOGFMT);
  log_event(LOG_DEBUG, "not this", NULL);
  log_event(LOG_INFO, "nor this", NULL);
  log_event(LOG_WARN, "this", NULL);
  log_event(LOG_ERROR, "and-this", NULL);
  log_stop();
  const char *text = capture_end();
  CU_ASSERT_EQUAL(lines_of(text), 2);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "level=warn service=customer message=this\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "level=error service=customer message=and-this\n"));
}

static const char *line_of(enum log_format format, const char *value) {
  static struct log_line line;
  log_line_begin(&line, format);
  log_line_add(&line, "k", value);
  log_line_end(&line);
  line.bytes[line.size] = '\0';
  return line.bytes;
}

static void test_logfmt_escapes(void) {
  static const struct {
    const char *value, *line;
  } cases[] = {
      {"plain", "k=plain\n"},
      {"", "k=\n"},
      {"two words", "k=\"two words\"\n"},
      {"a=b", "k=\"a=b\"\n"},
      {"say \"hi\"", "k=\"say \\\"hi\\\"\"\n"},
      {"back\\slash", "k=\"back\\\\slash\"\n"},
      {"one\ntwo\r\n", "k=\"one\\ntwo\\r\\n\"\n"},
      {"\ttab", "k=\"\\ttab\"\n"},
      {"\x1B[31m", "k=\"\\u001b[31m\"\n"},
      {"\x7F", "k=\"\\u007f\"\n"},
      {"\xC2\x85", "k=\"\\u0085\"\n"},
      {"\u2028", "k=\"\\u2028\"\n"},
      {"J\u00FCrgen", "k=\"J\u00FCrgen\"\n"},
      {"bad \xFF\xC0\x80", "k=\"bad \uFFFD\uFFFD\uFFFD\"\n"},
  };
  for (size_t i = 0; i < SUITE_SIZE(cases); i++) {
    CU_ASSERT_STRING_EQUAL(line_of(LOG_LOGFMT, cases[i].value), cases[i].line);
  }
}

static void test_json(void) {
  capture_begin();
  log_start("customer", LOG_INFO, LOG_JSON);
  log_event(LOG_INFO, "said \"hi\"\n", "value", "\x01\\ J\u00FCrgen \U0001F600 \xFF", NULL);
  log_stop();
  const char *text = capture_end();
  CU_ASSERT_EQUAL(lines_of(text), 1);
  CU_ASSERT(is_json(text));
  const char *rest = strstr(text, "\"level\"");
  CU_ASSERT_PTR_NOT_NULL_FATAL(rest);
  CU_ASSERT_STRING_EQUAL(rest,
                         "\"level\":\"info\",\"service\":\"customer\",\"message\":\"said \\\"hi\\\"\\n\","
                         "\"value\":\"\\u0001\\\\ J\u00FCrgen \U0001F600 \uFFFD\"}\n");
  CU_ASSERT_EQUAL(strncmp(text, "{\"time\":\"2", 10), 0);
}

static void test_long_values(void) {
  static char value[3 * LOG_LINE_MAX];
  static const char fillers[] = {'x', '"', '\x01', '\xFF'};
  for (size_t i = 0; i < sizeof(fillers); i++) {
    memset(value, fillers[i], sizeof(value) - 1);
    for (size_t start = sizeof(value) - LOG_LINE_MAX - 20; start < sizeof(value) - LOG_LINE_MAX + 60; start++) {
      const char *text = line_of(LOG_JSON, value + start);
      CU_ASSERT_EQUAL(text[strlen(text) - 1], '\n');
      CU_ASSERT(is_json(text));
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(line_of(LOG_JSON, value), "...\"}\n"));
    CU_ASSERT_EQUAL(strlen(strstr(line_of(LOG_LOGFMT, value), "...")), fillers[i] == 'x' ? 4 : 5);
  }
}

static void test_many_fields(void) {
  static const char padding[] = "0123456789012345678901234567890123456789012345678901234567890123456789";
  for (size_t shift = 0; shift < sizeof(padding); shift++) {
    struct log_line line;
    log_line_begin(&line, LOG_JSON);
    log_line_add(&line, "padding", padding + shift);
    for (int i = 0; i < 200; i++) log_line_add(&line, "a_key_of_some_length", "\x01\x02\x03 value");
    log_line_end(&line);
    CU_ASSERT(line.size < LOG_LINE_MAX && line.size > LOG_LINE_MAX - 100);
    line.bytes[line.size] = '\0';
    CU_ASSERT(is_json(line.bytes));
  }
}

/* Sum of all lines that are reported missing. */
static uint64_t reported_in(const char *text) {
  static const char key[] = "dropped_lines=";
  uint64_t sum = 0;
  while ((text = strstr(text, key))) {
    text += sizeof(key) - 1;
    sum += strtoull(text, NULL, 10);
  }
  return sum;
}

static void test_stopped_reader(void) {
  capture_begin();
  log_start("customer", LOG_INFO, LOG_LOGFMT);
  enum { LINES = 20000 };
  for (int i = 0; i < LINES; i++)
    log_event(LOG_INFO, "a line of some length that nobody reads", "i", log_number(i), NULL);
  /* The reader is back: the first line that gets through tells how many are missing, and then nothing is missing. */
  uint64_t lines = LINES;
  int64_t deadline = patience_end_us();
  for (; !strstr(capture.text, "message=back\n") && clock_monotonic_us() < deadline; lines++) {
    log_event(LOG_INFO, "back", NULL);
    capture_read(100);
  }
  log_stop();
  const char *text = capture_end();
  uint64_t dropped = lines - lines_of(text);
  CU_ASSERT(dropped > 0 && dropped < LINES);
  CU_ASSERT_EQUAL(reported_in(text), dropped);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "message=back dropped_lines="));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "message=back\n"));
}

static void test_stop_ends(void) {
  capture_begin();
  log_start("customer", LOG_INFO, LOG_LOGFMT);
  for (int i = 0; i < 2000; i++) log_event(LOG_INFO, "a line of some length that nobody reads", NULL);
  int64_t started = clock_monotonic_us();
  log_stop();
  CU_ASSERT(clock_monotonic_us() - started > 500000);
  capture_end();
  /* And it can be started again. */
  capture_begin();
  log_start("customer", LOG_INFO, LOG_LOGFMT);
  log_event(LOG_INFO, "fresh", NULL);
  log_stop();
  const char *text = capture_end();
  CU_ASSERT_EQUAL(lines_of(text), 1);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "message=fresh"));
}

static void test_reader_gone(void) {
  capture_begin();
  close(capture.reader);
  capture.reader = open("/dev/null", O_RDONLY | O_CLOEXEC);
  log_start("customer", LOG_INFO, LOG_LOGFMT);
  log_event(LOG_INFO, "to nobody", NULL); /* a SIGPIPE would end the test here */
  log_stop();
  capture_end();
  capture_begin();
  log_event(LOG_INFO, "to somebody", NULL);
  CU_ASSERT_PTR_NOT_NULL(strstr(capture_end(), "dropped_lines=1"));
}

static void test_direct(void) {
  capture_begin();
  log_event(LOG_ERROR, "without a writer", NULL);
  capture_read(0);
  CU_ASSERT_EQUAL(lines_of(capture.text), 1);
  capture_end();
}

enum { THREADS = 4, LINES_EACH = 500 };

static void *log_many(void *argument) {
  for (int i = 0; i < LINES_EACH; i++) log_event(LOG_INFO, "many", "thread", argument, "i", log_number(i), NULL);
  return NULL;
}

static void test_threads(void) {
  capture_begin();
  log_start("customer", LOG_INFO, LOG_JSON);
  static char *names[THREADS] = {"one", "two", "three", "four"};
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, log_many, names[i]);
  int64_t deadline = patience_end_us();
  while (lines_of(capture.text) < THREADS * LINES_EACH && clock_monotonic_us() < deadline) capture_read(100);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  log_stop();
  capture_end();
  size_t whole = 0;
  for (char *line = capture.text, *end; (end = strchr(line, '\n')); line = end + 1) {
    char *copy = strndup(line, (size_t)(end - line) + 1);
    whole += is_json(copy);
    free(copy);
  }
  CU_ASSERT_EQUAL(whole, THREADS * LINES_EACH);
}

static void test_numbers(void) {
  const char *numbers[8];
  for (int i = 0; i < 8; i++) numbers[i] = log_number(i);
  for (int i = 0; i < 8; i++) CU_ASSERT_EQUAL(atoi(numbers[i]), i);
  CU_ASSERT_STRING_EQUAL(log_number(INT64_MIN), "-9223372036854775808");
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a line is time, level, service, message and pairs in logfmt", test_logfmt},
      {"lines below the level are left out", test_level},
      {"logfmt quotes and escapes what could be misread", test_logfmt_escapes},
      {"JSON lines are JSON, whatever the values", test_json},
      {"a value that is too long ends in dots, in a line that is whole", test_long_values},
      {"fields for which there is no room are left out", test_many_fields},
      {"a reader that stops blocks nobody and is told what it missed", test_stopped_reader},
      {"stopping ends within its second even if nobody reads", test_stop_ends},
      {"a reader that is gone costs lines, not the process", test_reader_gone},
      {"without a writer lines are written at once", test_direct},
      {"lines of several threads stay whole", test_threads},
      {"eight numbers are valid at once", test_numbers},
  };
  return suite_main("log", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
