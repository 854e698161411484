/* SPDX-License-Identifier: Apache-2.0 */
/* `ordershop`: the shop from the command line. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/standard_descriptors.h"
#include "base/version.h"
#include "client/cli/commands/commands.h"
#include "client/cli/line/failure.h"
#include "client/cli/line/interrupt.h"
#include "client/cli/output/output.h"

/* Before the line is parsed, errors already come in the form that was asked for. */
static bool asks_for_json(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--json") == 0) return true;
  }
  return false;
}

/* Only by itself: `--version` behind a verb is that of a resource. */
static bool asks_for_version(int argc, char **argv) {
  return argc == 2 && strcmp(argv[1], "--version") == 0;
}

static int run(struct arena *arena, int argc, char **argv) {
  if (asks_for_version(argc, argv)) {
    printf("ordershop %s\n", runtime_version);
    return EXIT_DONE;
  }
  terminal_choose_color(TERMINAL_COLOR_AUTO);
  struct invocation invocation;
  struct status status = command_line_parse(arena, argc, argv, &invocation);
  if (!status_is_ok(status)) return failure_of_usage(asks_for_json(argc, argv), status);
  terminal_choose_color(invocation.color);
  return command_run(arena, &invocation);
}

static int end_output(int exit_status) {
  fflush(stdout);
  int error = output_error();
  if (error == 0) return exit_status;
  if (error == EPIPE) interrupt_die_of_pipe();
  fprintf(stderr, "ordershop: can't write to standard output: %s\n", strerror(error));
  return exit_status == EXIT_DONE ? EXIT_REFUSED : exit_status;
}

int main(int argc, char **argv) {
  standard_descriptors_open();
  setlocale(LC_CTYPE, "C.UTF-8"); /* for the width of characters; texts are UTF-8 whatever the locale */
  output_begin();
  interrupt_watch();
  struct arena *arena = arena_new();
  int exit_status = run(arena, argc, argv);
  arena_free(arena);
  return end_output(exit_status);
}
