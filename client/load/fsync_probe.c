/* SPDX-License-Identifier: Apache-2.0 */
#include "client/load/fsync_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/client_reasons.h"

enum { BLOCK_BYTES = 4096 };

static struct status complain(struct arena *arena, const char *folder) {
  return status_error(arena, STATUS_UNAVAILABLE, reason_disk, "%s: %s", folder, strerror(errno));
}

struct status fsync_probe(struct arena *arena, const char *folder, int64_t duration_ms, struct histogram *histogram) {
  static const char block[BLOCK_BYTES] = "x";
  int file = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) return complain(arena, folder);
  int64_t end_us = clock_monotonic_us() + duration_ms * 1000;
  bool written = true;
  for (int64_t now_us; written && (now_us = clock_monotonic_us()) < end_us;) {
    written = write(file, block, sizeof(block)) == (ssize_t)sizeof(block) && fdatasync(file) == 0;
    if (written) histogram_add(histogram, clock_monotonic_us() - now_us);
  }
  struct status status = written ? status_ok() : complain(arena, folder);
  close(file);
  return status;
}
