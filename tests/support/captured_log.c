/* SPDX-License-Identifier: Apache-2.0 */
#include "captured_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOG_BYTES = 64 * 1024 };

static int stderr_before;
static char path[64];

static _Noreturn void fail(const char *what) {
  perror(what);
  exit(2);
}

void captured_log_begin(void) {
  strcpy(path, "/tmp/captured_log.XXXXXX");
  int file = mkstemp(path);
  if (file < 0) fail("captured log");
  stderr_before = dup(STDERR_FILENO);
  dup2(file, STDERR_FILENO);
  close(file);
}

const char *captured_log_end(struct arena *arena) {
  dup2(stderr_before, STDERR_FILENO);
  close(stderr_before);
  FILE *file = fopen(path, "r");
  if (!file) fail("captured log");
  char *text = arena_calloc(arena, 1, LOG_BYTES);
  text[fread(text, 1, LOG_BYTES - 1, file)] = '\0';
  fclose(file);
  unlink(path);
  return text;
}

int captured_log_count(const char *log, const char *part) {
  int found = 0;
  for (; (log = strstr(log, part)); log++) found++;
  return found;
}
