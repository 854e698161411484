/* SPDX-License-Identifier: Apache-2.0 */
#include "http/microhttpd.h"

#include <dlfcn.h>
#include <string.h>

#include "base/reason.h"

/* The functions in the order of struct microhttpd. */
static const char *const names[] = {
    "MHD_start_daemon",
    "MHD_stop_daemon",
    "MHD_run",
    "MHD_get_timeout",
    "MHD_get_daemon_info",
    "MHD_add_connection",
    "MHD_get_connection_info",
    "MHD_get_connection_values_n",
    "MHD_suspend_connection",
    "MHD_resume_connection",
    "MHD_create_response_from_buffer",
    "MHD_create_response_from_callback",
    "MHD_add_response_header",
    "MHD_queue_response",
    "MHD_destroy_response",
};

enum { FUNCTIONS = sizeof names / sizeof names[0] };

_Static_assert(sizeof(struct microhttpd) == FUNCTIONS * sizeof(void *), "a name for each function");

static bool find_functions(void *handle, struct microhttpd *library) {
  void *found[FUNCTIONS];
  for (size_t i = 0; i < FUNCTIONS; i++) {
    found[i] = dlsym(handle, names[i]);
    if (!found[i]) return false;
  }
  memcpy(library, found, sizeof *library); /* C has no cast from an object's to a function's pointer */
  return true;
}

struct status microhttpd_load(struct arena *arena, const struct microhttpd **ret_library) {
  static struct microhttpd library;
  static bool loaded;
  if (!loaded) {
    void *handle = dlopen(MICROHTTPD_SONAME, RTLD_NOW | RTLD_LOCAL);
    loaded = handle && find_functions(handle, &library);
  }
  *ret_library = &library;
  if (loaded) return status_ok();
  return status_error(arena, STATUS_UNAVAILABLE, reason_library_missing,
                      "an HTTP server needs libmicrohttpd, which can't be loaded: %s", dlerror());
}
