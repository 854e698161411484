/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/rpc_mutex.h"

#ifdef STOP_DEADLOCK_DETECTOR

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

enum { NAMESPACES_MAX = 30, DETECTOR_OFF = 0 }; /* absl::OnDeadlockCycle::kIgnore */

typedef void set_mode(int mode);

/* absl::debian<number>::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle); the number is that of abseil's ABI. */
static set_mode *find_set_mode(int number) {
  char space[16], name[128];
  snprintf(space, sizeof(space), "debian%d", number);
  snprintf(name, sizeof(name), "_ZN4absl%zu%s29SetMutexDeadlockDetectionModeENS0_15OnDeadlockCycleE", strlen(space),
           space);
  void *symbol = dlsym(RTLD_DEFAULT, name);
  set_mode *found = NULL;
  memcpy(&found, &symbol, sizeof(found)); /* C has no cast from an object's to a function's pointer */
  return found;
}

void rpc_mutex_stop_detector(void) {
  for (int number = 1; number <= NAMESPACES_MAX; number++) {
    set_mode *set = find_set_mode(number);
    if (set) set(DETECTOR_OFF);
  }
}

#else

void rpc_mutex_stop_detector(void) {}

#endif
