/* SPDX-License-Identifier: Apache-2.0 */
#include "base/descriptor_limit.h"

#include <sys/resource.h>

size_t descriptor_limit_raise(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  const struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  return (size_t)limit.rlim_cur;
}
