/* `ordershop`: the shop from the command line. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "client/cli/commands.h"
#include "client/cli/failure.h"

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
    printf("ordershop %s\n", ordershop_version);
    return EXIT_DONE;
  }
  bool json = asks_for_json(argc, argv);
  struct invocation invocation;
  struct status status = command_line_parse(arena, argc, argv, &invocation);
  if (!status_is_ok(status)) return failure_of_usage(json, status);
  if (invocation.help) return command_help(&invocation);
  struct session session;
  status = session_open(arena, &invocation, &session);
  if (!status_is_ok(status)) return failure_of_usage(json, status);
  int exit_status = invocation.noun->run ? invocation.noun->run(&session) : command_resource(&session);
  session_close(&session);
  return exit_status;
}

int main(int argc, char **argv) {
  setlocale(LC_CTYPE, "C.UTF-8"); /* for the width of characters; texts are UTF-8 whatever the locale */
  struct arena *arena = arena_new();
  int exit_status = run(arena, argc, argv);
  arena_free(arena);
  bool written = fflush(stdout) == 0 && !ferror(stdout);
  return written || exit_status != EXIT_DONE ? exit_status : EXIT_REFUSED;
}
