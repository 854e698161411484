/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu_time.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

double own_cpu_us(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return 1e6 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

double server_figure(struct private_redis *server, const char *section, const char *name) {
  const char *at = strstr(private_redis_command(server, "INFO %s", section), name);
  return at ? atof(at + strlen(name)) : 0;
}

double server_cpu_us(struct private_redis *server) {
  return 1e6 * (server_figure(server, "cpu", "used_cpu_user:") + server_figure(server, "cpu", "used_cpu_sys:"));
}
