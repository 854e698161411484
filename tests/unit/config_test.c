/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"

static const char *redis_url;
static const char *key_prefix;
static const char *certificate;
static int64_t listen_port;
static bool tls;
static int log_format;
static int64_t needed;

static const char *const formats[] = {"logfmt", "json", NULL};

static const char *check_url(const char *value) {
  return strncmp(value, "redis://", 8) == 0 ? NULL : "a URL redis://host:port/db";
}

static const struct setting settings[] = {
    {.variable = "ORDERSHOP_REDIS_URL",
     .kind = SETTING_TEXT,
     .target = &redis_url,
     .fallback = "redis://127.0.0.1:6380/0",
     .check = check_url,
     .help = "where the data is"},
    {.variable = "ORDERSHOP_KEY_PREFIX",
     .kind = SETTING_TEXT,
     .target = &key_prefix,
     .fallback = "",
     .help = "before every key"},
    {.variable = "ORDERSHOP_TLS_CERTIFICATE", .kind = SETTING_TEXT, .target = &certificate, .help = "PEM file"},
    {.variable = "ORDERSHOP_LISTEN_PORT",
     .kind = SETTING_INTEGER,
     .target = &listen_port,
     .fallback = "50051",
     .min = 1,
     .max = 65535,
     .help = "port"},
    {.variable = "ORDERSHOP_TLS", .kind = SETTING_BOOLEAN, .target = &tls, .fallback = "false", .help = "TLS"},
    {.variable = "ORDERSHOP_LOG_FORMAT",
     .kind = SETTING_CHOICE,
     .target = &log_format,
     .fallback = "logfmt",
     .choices = formats,
     .help = "form of the log"},
};

static const struct setting required[] = {
    {.variable = "ORDERSHOP_NEEDED_MS",
     .kind = SETTING_INTEGER,
     .target = &needed,
     .unit = "ms",
     .min = -10,
     .max = 10,
     .help = "has no default"},
};

static struct arena *arena;

static int set_up(void) {
  arena = arena_new();
  return 0;
}

static int tear_down(void) {
  arena_free(arena);
  return 0;
}

/* Reads `flags`, which ends with NULL, in an environment without settings but the one given. */
static struct status read_with(const char *variable, const char *value, const char *const *flags,
                               enum config_outcome *ret_outcome) {
  for (size_t i = 0; i < SUITE_SIZE(settings); i++) unsetenv(settings[i].variable);
  if (variable) setenv(variable, value, 1);
  char *argv[16] = {"ordershop-test"};
  int argc = 1;
  for (; flags && flags[argc - 1]; argc++) argv[argc] = arena_strdup(arena, flags[argc - 1]);
  struct status status = config_read(arena, "ORDERSHOP_", "ordershop-test", "Tests.", settings, SUITE_SIZE(settings),
                                     argc, argv, ret_outcome);
  if (variable) unsetenv(variable);
  return status;
}

static void expect_refused(struct status status, const char *message) {
  CU_ASSERT_EQUAL(status.code, STATUS_INVALID_ARGUMENT);
  const char *answer = status.message ? status.message : "(none)";
  if (strcmp(answer, message) != 0) printf("\n    %s ", answer);
  CU_ASSERT_STRING_EQUAL(answer, message);
}

static void refuse_variable(const char *variable, const char *value, const char *message) {
  enum config_outcome outcome;
  expect_refused(read_with(variable, value, NULL, &outcome), message);
}

static void refuse_flags(const char *const *flags, const char *message) {
  enum config_outcome outcome;
  expect_refused(read_with(NULL, NULL, flags, &outcome), message);
}

static void test_defaults(void) {
  enum config_outcome outcome = CONFIG_HELP;
  certificate = "something";
  CU_ASSERT(status_is_ok(read_with(NULL, NULL, NULL, &outcome)));
  CU_ASSERT_EQUAL(outcome, CONFIG_RUN);
  CU_ASSERT_STRING_EQUAL(redis_url, "redis://127.0.0.1:6380/0");
  CU_ASSERT_STRING_EQUAL(key_prefix, "");
  CU_ASSERT_PTR_NULL(certificate);
  CU_ASSERT(listen_port == 50051 && !tls && log_format == 0);
}

static void test_environment(void) {
  enum config_outcome outcome;
  CU_ASSERT(status_is_ok(read_with("ORDERSHOP_LISTEN_PORT", "1", NULL, &outcome)));
  CU_ASSERT_EQUAL(listen_port, 1);
  CU_ASSERT(status_is_ok(read_with("ORDERSHOP_KEY_PREFIX", "{shop1}:", NULL, &outcome)));
  CU_ASSERT_STRING_EQUAL(key_prefix, "{shop1}:");
  CU_ASSERT(status_is_ok(read_with("ORDERSHOP_LOG_FORMAT", "json", NULL, &outcome)));
  CU_ASSERT_EQUAL(log_format, 1);
}

/* As compose files and unit files have them: VARIABLE= */
static void test_empty_variables(void) {
  enum config_outcome outcome;
  for (size_t i = 0; i < SUITE_SIZE(settings); i++) {
    certificate = "something";
    CU_ASSERT(status_is_ok(read_with(settings[i].variable, "", NULL, &outcome)));
    CU_ASSERT_STRING_EQUAL(redis_url, "redis://127.0.0.1:6380/0");
    CU_ASSERT_STRING_EQUAL(key_prefix, "");
    CU_ASSERT_PTR_NULL(certificate);
    CU_ASSERT(listen_port == 50051 && !tls && log_format == 0);
  }
}

static void test_empty_flags(void) {
  enum config_outcome outcome;
  const char *const flags[] = {"--listen-port=", "--redis-url", "", "--tls=", NULL};
  CU_ASSERT(status_is_ok(read_with("ORDERSHOP_LISTEN_PORT", "1", flags, &outcome)));
  CU_ASSERT_EQUAL(listen_port, 50051);
  CU_ASSERT_STRING_EQUAL(redis_url, "redis://127.0.0.1:6380/0");
  CU_ASSERT_FALSE(tls);
}

static void test_flags(void) {
  enum config_outcome outcome;
  const char *const flags[] = {"--listen-port",     "2",     "--redis-url=redis://h:1/0?a=b",
                               "--key-prefix=",     "--tls", "yes",
                               "--tls-certificate", "--odd", NULL};
  CU_ASSERT(status_is_ok(read_with("ORDERSHOP_LISTEN_PORT", "1", flags, &outcome)));
  CU_ASSERT_EQUAL(listen_port, 2);
  CU_ASSERT_STRING_EQUAL(redis_url, "redis://h:1/0?a=b");
  CU_ASSERT_STRING_EQUAL(key_prefix, "");
  CU_ASSERT_STRING_EQUAL(certificate, "--odd");
  CU_ASSERT(tls);
}

static void test_booleans(void) {
  static const char *const yes[] = {"true", "1", "yes", "on", "TRUE"}, *const no[] = {"false", "0", "no", "off"};
  enum config_outcome outcome;
  for (size_t i = 0; i < SUITE_SIZE(yes); i++) {
    tls = false;
    CU_ASSERT(status_is_ok(read_with("ORDERSHOP_TLS", yes[i], NULL, &outcome)) && tls);
  }
  for (size_t i = 0; i < SUITE_SIZE(no); i++) {
    tls = true;
    CU_ASSERT(status_is_ok(read_with("ORDERSHOP_TLS", no[i], NULL, &outcome)) && !tls);
  }
}

static void test_refused_values(void) {
  static const char *const numbers[] = {"abc",  " ",  "0",  "65536", "-1",  "1x",
                                        "0x10", " 1", "1 ", "+1",    "1.0", "99999999999999999999"};
  for (size_t i = 0; i < SUITE_SIZE(numbers); i++) {
    refuse_variable("ORDERSHOP_LISTEN_PORT", numbers[i],
                    arena_printf(arena, "ORDERSHOP_LISTEN_PORT: \"%s\" is not a number from 1 to 65535", numbers[i]));
  }
  refuse_variable("ORDERSHOP_TLS", "maybe",
                  "ORDERSHOP_TLS: \"maybe\" is not one of true, false, 1, 0, yes, no, on, off");
  refuse_variable("ORDERSHOP_LOG_FORMAT", "xml", "ORDERSHOP_LOG_FORMAT: \"xml\" is not one of logfmt, json");
  refuse_variable("ORDERSHOP_REDIS_URL", "localhost",
                  "ORDERSHOP_REDIS_URL: \"localhost\" is not a URL redis://host:port/db");
}

static void test_passwords(void) {
  refuse_variable("ORDERSHOP_REDIS_URL", "http://user:p@ss@host:1/0",
                  "ORDERSHOP_REDIS_URL: \"http://...@host:1/0\" is not a URL redis://host:port/db");
}

static void test_controls(void) {
  refuse_variable("ORDERSHOP_REDIS_URL", "a\nb\x1b[2J",
                  "ORDERSHOP_REDIS_URL: \"a?b?[2J\" is not a URL redis://host:port/db");
}

static void test_refused_flags(void) {
  refuse_flags((const char *[]){"--listen-port=abc", NULL}, "--listen-port: \"abc\" is not a number from 1 to 65535");
  refuse_flags((const char *[]){"--listen-port", "abc", NULL},
               "--listen-port: \"abc\" is not a number from 1 to 65535");
  refuse_flags((const char *[]){"--listen-port", NULL}, "--listen-port needs a value");
  refuse_flags((const char *[]){"--key-prefix", "--tls=yes", NULL},
               "--key-prefix needs a value; if --tls=yes is meant to be it: --key-prefix=--tls=yes");
  refuse_flags((const char *[]){"--port=1", NULL}, "there is no flag --port; see ordershop-test --help");
  refuse_flags((const char *[]){"--redis-ulr=x", NULL},
               "there is no flag --redis-ulr; did you mean --redis-url? See ordershop-test --help");
  refuse_flags((const char *[]){"--listen=1", NULL}, "flags are not abbreviated; there is --listen-port");
  refuse_flags((const char *[]){"-p", NULL}, "there is no flag -p; see ordershop-test --help");
  refuse_flags((const char *[]){"-redis-url", "x", NULL},
               "there is no flag -redis-url; did you mean --redis-url? See ordershop-test --help");
  refuse_flags((const char *[]){"--a\nb=c", NULL}, "there is no flag --a?b; see ordershop-test --help");
  refuse_flags((const char *[]){"start", NULL}, "\"start\" is not a flag; see ordershop-test --help");
  refuse_flags((const char *[]){"--", "--tls=yes", NULL}, "\"--tls=yes\" is not a flag; see ordershop-test --help");
}

static void test_required(void) {
  char *argv[] = {"ordershop-test", NULL};
  enum config_outcome outcome = CONFIG_HELP;
  struct status status = config_read(arena, "ORDERSHOP_", "ordershop-test", "Tests.", required, 1, 1, argv, &outcome);
  expect_refused(status, "ORDERSHOP_NEEDED_MS: is required");
  CU_ASSERT_EQUAL(outcome, CONFIG_HELP);
  setenv("ORDERSHOP_NEEDED_MS", "-10", 1);
  CU_ASSERT(status_is_ok(config_read(arena, "ORDERSHOP_", "ordershop-test", "Tests.", required, 1, 1, argv, &outcome)));
  CU_ASSERT_EQUAL(needed, -10);
  unsetenv("ORDERSHOP_NEEDED_MS");
}

static void test_widest_range(void) {
  int64_t value = 0;
  const struct setting wide = {.variable = "ORDERSHOP_WIDE",
                               .kind = SETTING_INTEGER,
                               .target = &value,
                               .min = INT64_MIN,
                               .max = INT64_MAX,
                               .help = "any"};
  char *max[] = {"ordershop-test", "--wide=9223372036854775807"};
  char *more[] = {"ordershop-test", "--wide=9223372036854775808"};
  enum config_outcome outcome;
  CU_ASSERT(status_is_ok(config_read(arena, "ORDERSHOP_", "ordershop-test", "Tests.", &wide, 1, 2, max, &outcome)));
  CU_ASSERT_EQUAL(value, INT64_MAX);
  CU_ASSERT(!status_is_ok(config_read(arena, "ORDERSHOP_", "ordershop-test", "Tests.", &wide, 1, 2, more, &outcome)));
}

/* Runs `run` with one of the standard streams going to a file, and returns what was written. */
static const char *output_of(FILE *stream, void (*run)(void)) {
  int descriptor = fileno(stream), saved = dup(descriptor);
  FILE *file = tmpfile();
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fflush(stream);
  dup2(fileno(file), descriptor);
  run();
  fflush(stream);
  dup2(saved, descriptor);
  close(saved);
  rewind(file);
  char *text = arena_calloc(arena, 1, 64 * 1024);
  size_t size = fread(text, 1, 64 * 1024 - 1, file);
  text[size] = '\0';
  fclose(file);
  return text;
}

static void print_help(void) {
  enum config_outcome outcome = CONFIG_RUN;
  CU_ASSERT(status_is_ok(read_with(NULL, NULL, (const char *[]){"--port=wrong", "--help", NULL}, &outcome)));
  CU_ASSERT_EQUAL(outcome, CONFIG_HELP);
  char *argv[] = {"ordershop-test", "--help"};
  CU_ASSERT(status_is_ok(config_read(arena, "ORDERSHOP_", "ordershop-test", "Tests.", required, 1, 2, argv, &outcome)));
}

static void test_help(void) {
  const char *text = output_of(stdout, print_help);
  static const char *const parts[] = {"ordershop-test",
                                      "Tests.",
                                      "--redis-url",
                                      "ORDERSHOP_REDIS_URL",
                                      "where the data is",
                                      "redis://127.0.0.1:6380/0",
                                      "1 to 65535",
                                      "50051",
                                      "logfmt, json",
                                      "not set",
                                      "required",
                                      "-10 to 10 ms",
                                      "--help",
                                      "default empty"};
  for (size_t i = 0; i < SUITE_SIZE(parts); i++) {
    if (!strstr(text, parts[i])) printf("\n    no \"%s\" ", parts[i]);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, parts[i]));
  }
}

static void warn_of_unknown(void) {
  setenv("ORDERSHOP_REDIS_URI", "redis://secret@host", 1);
  setenv("ORDERSHOP_TLS", "yes", 1);
  setenv("ORDERSHOP_ORDER_ADDRESS", "x", 1);
  setenv("OTHER_ORDERSHOP_THING", "x", 1);
  config_warn_of_unknown("ORDERSHOP_", settings, SUITE_SIZE(settings),
                         (const char *const[]){"ORDERSHOP_*_ADDRESS", NULL});
  unsetenv("ORDERSHOP_REDIS_URI");
  unsetenv("ORDERSHOP_TLS");
  unsetenv("ORDERSHOP_ORDER_ADDRESS");
  unsetenv("OTHER_ORDERSHOP_THING");
}

static void test_unknown(void) {
  for (char **entry = environ; *entry; entry++) {
    /* What the test's own environment holds must not count. */
    if (strncmp(*entry, "ORDERSHOP_", 10) == 0) {
      unsetenv(arena_memdup(arena, *entry, strcspn(*entry, "=")));
      entry = environ - 1;
    }
  }
  const char *text = output_of(stderr, warn_of_unknown);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "level=warn"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "variable=ORDERSHOP_REDIS_URI\n"));
  CU_ASSERT_PTR_EQUAL(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
}

/* A file with these bytes; the caller unlinks it. */
static const char *file_with(const void *bytes, size_t size) {
  const char *folder = getenv("TMPDIR");
  char *path = arena_printf(arena, "%s/ordershop-config-XXXXXX", folder ? folder : "/tmp");
  int descriptor = mkstemp(path);
  CU_ASSERT_FATAL(descriptor >= 0);
  CU_ASSERT_FATAL(write(descriptor, bytes, size) == (ssize_t)size);
  close(descriptor);
  return path;
}

static struct status read_secret(const void *bytes, size_t size, const char **ret_secret) {
  const char *path = file_with(bytes, size);
  struct status status = config_read_secret(arena, "ORDERSHOP_SECRET_FILE", path, ret_secret);
  const char *names = arena_printf(arena, "ORDERSHOP_SECRET_FILE: %s: ", path);
  if (!status_is_ok(status)) CU_ASSERT_PTR_EQUAL(strstr(status.message, names), status.message);
  unlink(path);
  return status;
}

static void test_secrets(void) {
  static const struct {
    const char *content, *secret;
  } cases[] = {
      {"s3cret", "s3cret"}, {"s3cret\n", "s3cret"}, {"s3cret\r\n", "s3cret"}, {" two words \nmore\n", " two words "}};
  for (size_t i = 0; i < SUITE_SIZE(cases); i++) {
    const char *secret = NULL;
    CU_ASSERT(status_is_ok(read_secret(cases[i].content, strlen(cases[i].content), &secret)));
    CU_ASSERT_STRING_EQUAL(secret, cases[i].secret);
  }
  char longest[4098];
  memset(longest, 'x', sizeof(longest));
  const char *secret = NULL;
  CU_ASSERT(status_is_ok(read_secret(longest, 4096, &secret)));
  CU_ASSERT_EQUAL(strlen(secret), 4096);
}

/* Read with the settings, and named as they were given. */
static void test_secret_setting(void) {
  const char *path = file_with("s3cret\n", 7), *secret = NULL;
  const struct setting setting = {.variable = "ORDERSHOP_SECRET_FILE", .kind = SETTING_SECRET, .target = &secret};
  char *from_file[] = {(char *)"program", arena_printf(arena, "--secret-file=%s", path), NULL};
  char *from_nowhere[] = {(char *)"program", (char *)"--secret-file=/nowhere", NULL};
  char *from_nothing[] = {(char *)"program", (char *)"--secret-file=", NULL};
  enum config_outcome outcome;
  CU_ASSERT(status_is_ok(config_read(arena, "ORDERSHOP_", "program", "", &setting, 1, 2, from_file, &outcome)));
  CU_ASSERT_STRING_EQUAL(secret, "s3cret");
  CU_ASSERT(status_is_ok(config_read(arena, "ORDERSHOP_", "program", "", &setting, 1, 2, from_nothing, &outcome)));
  CU_ASSERT_PTR_NULL(secret);
  struct status status = config_read(arena, "ORDERSHOP_", "program", "", &setting, 1, 2, from_nowhere, &outcome);
  CU_ASSERT_STRING_EQUAL(status.message, "--secret-file: /nowhere: No such file or directory");
  unlink(path);
}

static void test_secrets_refused(void) {
  char too_long[4098];
  memset(too_long, 'x', sizeof(too_long));
  const char *secret = "untouched";
  CU_ASSERT_EQUAL(read_secret(too_long, 4097, &secret).code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_EQUAL(read_secret(too_long, 4098, &secret).code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_EQUAL(read_secret("", 0, &secret).code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_EQUAL(read_secret("\nsecond", 7, &secret).code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_EQUAL(read_secret("a\0b\n", 4, &secret).code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_EQUAL(config_read_secret(arena, "A", "/nowhere/at/all", &secret).code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_EQUAL(config_read_secret(arena, "A", "/", &secret).code, STATUS_INVALID_ARGUMENT);
  CU_ASSERT_STRING_EQUAL(secret, "untouched");
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"without flags and variables the defaults hold", test_defaults},
      {"variables win over defaults", test_environment},
      {"a variable that is set but empty is as one that isn't set", test_empty_variables},
      {"an empty flag takes its setting back to the default", test_empty_flags},
      {"flags win over variables, with a space or an equals sign", test_flags},
      {"booleans have four words each", test_booleans},
      {"a value that does not parse is answered with its name and what is allowed", test_refused_values},
      {"an answer shows no password of a URL", test_passwords},
      {"a refused value stays in its line", test_controls},
      {"an answer about a flag's value names the flag", test_refused_flags},
      {"a setting without a default is required", test_required},
      {"a number beyond 64 bits is refused even if everything is allowed", test_widest_range},
      {"help lists every setting with default, unit and range", test_help},
      {"a variable that nobody knows is warned of, without its value", test_unknown},
      {"a secret is the first line of its file", test_secrets},
      {"a file that holds no usable secret is refused", test_secrets_refused},
      {"a setting that is a secret is read from its file", test_secret_setting},
  };
  return suite_main("config", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
