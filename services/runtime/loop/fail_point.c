/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/fail_point.h"

#ifdef FAIL_POINTS

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/context.h"
#include "loop/coroutine.h"

enum { POLL_US = 5000 };

/* Reads what the file says into `action`; false while it is still empty. */
static bool action_read(const char *path, char *action, size_t size) {
  FILE *file = fopen(path, "re");
  if (!file) return true; /* taken away again */
  size_t length = fread(action, 1, size - 1, file);
  fclose(file);
  action[length] = '\0';
  action[strcspn(action, " \r\n")] = '\0';
  return length > 0;
}

static coroutine_fn bool point_hit(const char *hit) {
  char action[16] = "";
  while (!action_read(hit, action, sizeof(action))) coroutine_sleep(POLL_US, DEADLINE_NEVER);
  if (strcmp(action, "kill") == 0) kill(getpid(), SIGKILL);
  if (strcmp(action, "pause") == 0) {
    while (access(hit, F_OK) == 0) coroutine_sleep(POLL_US, DEADLINE_NEVER);
  }
  return strcmp(action, "error") == 0;
}

/* FAIL_POINT_DIR as it was at the first call; NULL if there is none. */
static const char *folder(void) {
  static const char *value;
  static bool known;
  if (!known) value = getenv("FAIL_POINT_DIR");
  known = true;
  return value && *value ? value : NULL;
}

coroutine_fn bool fail_point(const char *name) {
  if (!folder()) return false;
  struct arena *arena = arena_new();
  const char *armed = arena_printf(arena, "%s/%s", folder(), name);
  const char *hit = arena_printf(arena, "%s.hit", armed);
  bool error = rename(armed, hit) == 0 && point_hit(hit);
  arena_free(arena);
  return error;
}

#endif
