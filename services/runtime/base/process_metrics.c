/* SPDX-License-Identifier: Apache-2.0 */
#include "base/process_metrics.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/metrics.h"

static const struct metric resident_memory = {.name = "process_resident_memory_bytes",
                                              .help = "Resident memory size in bytes.",
                                              .kind = METRIC_GAUGE,
                                              .is_shared = true};
static const struct metric virtual_memory = {.name = "process_virtual_memory_bytes",
                                             .help = "Virtual memory size in bytes.",
                                             .kind = METRIC_GAUGE,
                                             .is_shared = true};
static const struct metric cpu_time = {.name = "process_cpu_seconds_total",
                                       .help = "Total user and system CPU time spent in seconds.",
                                       .kind = METRIC_COUNTER,
                                       .is_shared = true,
                                       .unit = 1e-6};
static const struct metric open_descriptors = {
    .name = "process_open_fds", .help = "Number of open file descriptors.", .kind = METRIC_GAUGE, .is_shared = true};
static const struct metric max_descriptors = {.name = "process_max_fds",
                                              .help = "Maximum number of open file descriptors.",
                                              .kind = METRIC_GAUGE,
                                              .is_shared = true};
static const struct metric start_time = {.name = "process_start_time_seconds",
                                         .help = "Start time of the process since unix epoch in seconds.",
                                         .kind = METRIC_GAUGE,
                                         .is_shared = true,
                                         .unit = 0.01};
static const struct metric build = {.name = "build_info",
                                    .help = "Which program this is, and its version; the value is 1.",
                                    .kind = METRIC_GAUGE,
                                    .labels = {"program", "version"}};

static int64_t *resident_bytes, *virtual_bytes, *descriptors, *descriptors_max;
static uint64_t *cpu_us;

static void read_memory(void) {
  FILE *file = fopen("/proc/self/statm", "re");
  if (!file) return;
  long pages = 0, resident_pages = 0;
  if (fscanf(file, "%ld %ld", &pages, &resident_pages) == 2) {
    *virtual_bytes = pages * sysconf(_SC_PAGESIZE);
    *resident_bytes = resident_pages * sysconf(_SC_PAGESIZE);
  }
  fclose(file);
}

static void read_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) *descriptors_max = (int64_t)limit.rlim_cur;
  DIR *folder = opendir("/proc/self/fd");
  if (!folder) return;
  int64_t count = -1; /* the folder's own */
  for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) count += *entry->d_name != '.';
  closedir(folder);
  *descriptors = count;
}

static uint64_t microseconds(struct timeval time) {
  return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

static void read_cpu(void) {
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) == 0) *cpu_us = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
}

static void collect(void *argument) {
  (void)argument;
  read_memory();
  read_descriptors();
  read_cpu();
}

/* Returns when the machine was started, in seconds since 1970. */
static long long boot_seconds(void) {
  FILE *file = fopen("/proc/stat", "re");
  if (!file) return 0;
  char line[4096];
  long long seconds = 0;
  while (fgets(line, sizeof line, file) && sscanf(line, "btime %lld", &seconds) != 1) continue;
  fclose(file);
  return seconds;
}

/* Returns how long after the machine's start this process began, in ticks: the 22nd field. The second one, the name of
 * the program, may have blanks. */
static long long ticks_after_boot(void) {
  FILE *file = fopen("/proc/self/stat", "re");
  if (!file) return 0;
  char line[1024] = "";
  size_t size = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[size] = '\0';
  const char *rest = strrchr(line, ')');
  long long ticks = 0;
  bool is_told =
      rest && sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %lld",
                     &ticks) == 1;
  return is_told ? ticks : 0;
}

void process_metrics_declare(const char *program, const char *version) {
  resident_bytes = metric_gauge(&resident_memory, NULL);
  virtual_bytes = metric_gauge(&virtual_memory, NULL);
  cpu_us = metric_counter(&cpu_time, NULL);
  descriptors = metric_gauge(&open_descriptors, NULL);
  descriptors_max = metric_gauge(&max_descriptors, NULL);
  *metric_gauge(&start_time, NULL) = boot_seconds() * 100 + ticks_after_boot() * 100 / sysconf(_SC_CLK_TCK);
  *metric_gauge(&build, (const char *const[]){program, version}) = 1;
  metrics_collect(collect, NULL);
}
