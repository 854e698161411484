/* SPDX-License-Identifier: Apache-2.0 */
#include "base/standard_descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* open gives the lowest descriptor that is free: as those below are open, this one. */
static void open_if_closed(int descriptor, int flags) {
  if (fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) return;
  if (open("/dev/null", flags) != descriptor) abort();
}

void standard_descriptors_open(void) {
  open_if_closed(STDIN_FILENO, O_WRONLY);
  open_if_closed(STDOUT_FILENO, O_RDONLY);
  open_if_closed(STDERR_FILENO, O_WRONLY);
}

/* The dynamic linker runs this before the constructors of libraries; a constructor of the program comes after them. */
__attribute__((section(".preinit_array"),
               used)) static void (*const before_libraries)(void) = standard_descriptors_open;
