/* SPDX-License-Identifier: Apache-2.0 */
/* How much CPU some processes of this machine use, and how much all others do, between two moments (proc(5)). One
 * thread.
 */
#pragma once

#include "base/status.h"

#define CPU_WATCH_MAX 32

struct watched_process {
  const char *name;
  int pid;
  double used_us; /* between the two moments */
  double before_us;
};

struct cpu_watch {
  struct watched_process processes[CPU_WATCH_MAX];
  size_t count;
  double own_us, others_us; /* likewise: of this process, and of all that are neither watched nor this one */
  double own_before_us, machine_before_us;
  int64_t begun_us, wall_us; /* the time between */
};

/* Reads "order=1234,redis=77". Errors: INVALID_ARGUMENT (USAGE) with one sentence; a process that is not there is one.
 */
struct status cpu_watch_parse(struct arena *arena, const char *text, struct cpu_watch *ret_watch);

void cpu_watch_begin(struct cpu_watch *watch);
void cpu_watch_end(struct cpu_watch *watch);
