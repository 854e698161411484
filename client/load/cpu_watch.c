/* SPDX-License-Identifier: Apache-2.0 */
#include "client/load/cpu_watch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* The first number of a small file, in nanoseconds there; 0 if it is gone. */
static double read_schedstat(const char *path) {
  double ns = 0;
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  if (fscanf(file, "%lf", &ns) != 1) ns = 0;
  fclose(file);
  return ns / 1000;
}

/* Of all threads that live; the process' own times count in hundredths of a second only. */
static double threads_us(int pid) {
  char path[300];
  double sum_us = 0;
  snprintf(path, sizeof(path), "/proc/%d/task", pid);
  DIR *folder = opendir(path);
  for (struct dirent *entry; folder && (entry = readdir(folder));) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, entry->d_name);
    sum_us += read_schedstat(path);
  }
  if (folder) closedir(folder);
  return sum_us;
}

/* All that the machine's cores did, without idling and waiting for disks. */
static double machine_us(void) {
  double user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0;
  FILE *file = fopen("/proc/stat", "re");
  if (!file) return 0;
  int read = fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle, &wait, &irq, &soft);
  fclose(file);
  return read == 7 ? (user + nice + system + irq + soft) * 1e6 / (double)sysconf(_SC_CLK_TCK) : 0;
}

/* ---- parsing ---------------------------------------------------------------------------------------------------- */

static struct status refuse(struct arena *arena, const char *part, const char *what) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_usage, "--watch: \"%s\" %s", part, what);
}

static struct status add(struct arena *arena, struct cpu_watch *watch, const char *part) {
  const char *equals = strchr(part, '=');
  char *end = NULL;
  long pid = equals ? strtol(equals + 1, &end, 10) : 0;
  if (pid < 1 || pid > INT32_MAX || *end != '\0' || equals == part) {
    return refuse(arena, part, "is not a name and the number of a process, as in order=1234");
  }
  if (watch->count == CPU_WATCH_MAX) return refuse(arena, part, "is one too many: 32 processes can be watched");
  if (threads_us((int)pid) <= 0) return refuse(arena, part, "is no process that can be watched");
  watch->processes[watch->count++] =
      (struct watched_process){.name = arena_memdup(arena, part, (size_t)(equals - part)), .pid = (int)pid};
  return status_ok();
}

struct status cpu_watch_parse(struct arena *arena, const char *text, struct cpu_watch *ret_watch) {
  struct cpu_watch watch = {.count = 0};
  for (const char *at = text;; at++) {
    size_t length = strcspn(at, ",");
    struct status status = add(arena, &watch, arena_memdup(arena, at, length));
    if (!status_is_ok(status)) return status;
    at += length;
    if (*at == '\0') break;
  }
  *ret_watch = watch;
  return status_ok();
}

/* ---- watching --------------------------------------------------------------------------------------------------- */

void cpu_watch_begin(struct cpu_watch *watch) {
  for (size_t i = 0; i < watch->count; i++) watch->processes[i].before_us = threads_us(watch->processes[i].pid);
  watch->own_before_us = threads_us(getpid());
  watch->machine_before_us = machine_us();
  watch->begun_us = clock_monotonic_us();
}

void cpu_watch_end(struct cpu_watch *watch) {
  double used_us = 0;
  watch->wall_us = clock_monotonic_us() - watch->begun_us;
  for (size_t i = 0; i < watch->count; i++) {
    struct watched_process *process = &watch->processes[i];
    process->used_us = threads_us(process->pid) - process->before_us;
    used_us += process->used_us;
  }
  watch->own_us = threads_us(getpid()) - watch->own_before_us;
  watch->others_us = machine_us() - watch->machine_before_us - used_us - watch->own_us;
  if (watch->others_us < 0) watch->others_us = 0;
}
