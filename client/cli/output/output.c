/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/output/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

enum { LINE_ROOM = 64 * 1024, HOLD_TRIES = 500, TRY_US = 1000 };

static FILE *stream;
static int first_error;
static size_t unfinished; /* bytes of the last line that are written so far */

static void take_back(void) {
  struct stat status;
  if (unfinished == 0 || fstat(STDOUT_FILENO, &status) != 0 || !S_ISREG(status.st_mode)) return;
  off_t end = lseek(STDOUT_FILENO, 0, SEEK_CUR), begin = end - (off_t)unfinished;
  if (end == status.st_size && begin >= 0 && ftruncate(STDOUT_FILENO, begin) == 0) {
    lseek(STDOUT_FILENO, begin, SEEK_SET);
  }
}

static void count_unfinished(const char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) unfinished = bytes[i] == '\n' ? 0 : unfinished + 1;
}

static ssize_t write_bytes(void *cookie, const char *bytes, size_t size) {
  (void)cookie;
  size_t done = 0;
  while (done < size && first_error == 0) {
    ssize_t written = write(STDOUT_FILENO, bytes + done, size - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      first_error = errno;
      take_back();
      break;
    }
    count_unfinished(bytes + done, (size_t)written);
    done += (size_t)written;
  }
  if (done < size) errno = first_error;
  return (ssize_t)done;
}

void output_begin(void) {
  static char room[LINE_ROOM];
  stream = stdout;
  if (isatty(STDOUT_FILENO)) return;
  stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_bytes});
  if (!stream) memory_exhausted(LINE_ROOM);
  setvbuf(stream, room, _IOLBF, sizeof room);
  stdout = stream;
}

bool output_hold(void) {
  for (int i = 0; i < HOLD_TRIES; i++) {
    if (ftrylockfile(stream) == 0) return true;
    usleep(TRY_US);
  }
  return false;
}

int output_error(void) {
  return first_error == 0 && stream && ferror(stream) ? EIO : first_error;
}
