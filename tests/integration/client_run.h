/* SPDX-License-Identifier: Apache-2.0 */
/* Runs commands of `ordershop` in this process, for suites that look at what they print and how they end. Included by
 * one file of a program. */
#pragma once

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/commands/commands.h"

static struct arena *arena; /* the suite makes it; what is told lives in it */

struct outcome {
  int exit_status;
  const char *out, *err;
};

struct capture {
  FILE *stream, *file;
  int kept;
};

static struct capture capture_begin(FILE *stream) {
  struct capture capture = {.stream = stream, .file = tmpfile(), .kept = dup(fileno(stream))};
  fflush(stream);
  dup2(fileno(capture.file), fileno(stream));
  return capture;
}

static const char *capture_end(struct capture *capture) {
  enum { MAX = 65536 };
  fflush(capture->stream);
  dup2(capture->kept, fileno(capture->stream));
  close(capture->kept);
  rewind(capture->file);
  char *text = arena_calloc(arena, 1, MAX);
  text[fread(text, 1, MAX - 1, capture->file)] = '\0';
  fclose(capture->file);
  return text;
}

/* Runs a line of words, separated by single spaces. */
static struct outcome run(const char *line) {
  char *rest = arena_strdup(arena, line);
  char **argv = arena_calloc(arena, strlen(line) + 3, sizeof(*argv));
  int argc = 0;
  argv[argc++] = arena_strdup(arena, "ordershop");
  for (char *word; (word = strsep(&rest, " "));) argv[argc++] = word;
  struct invocation invocation;
  CU_ASSERT_TRUE_FATAL(status_is_ok(command_line_parse(arena, argc, argv, &invocation)));
  struct capture out = capture_begin(stdout), err = capture_begin(stderr);
  struct outcome outcome = {.exit_status = command_run(arena, &invocation)};
  outcome.err = capture_end(&err);
  outcome.out = capture_end(&out);
  return outcome;
}

/* Makes all services be called at one address. */
static void call_at(const char *address) {
  static const char *const names[] = {"CUSTOMER", "PRODUCT", "INVENTORY", "ORDER", "BILLING", "CRM", "MAIL"};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    setenv(arena_printf(arena, "ORDERSHOP_%s_ADDRESS", names[i]), address, 1);
  }
}
