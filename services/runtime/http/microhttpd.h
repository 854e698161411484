/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd, loaded when a process opens its first HTTP server. If it was linked, every service would load it, and
 * GnuTLS with it, which takes 2.4 MB of a service's 17 (tests/benchmark/orders.sh) although most serve no HTTP.
 * Threads: the loop's. */
#pragma once

#include <microhttpd.h>

#include "base/arena.h"
#include "base/status.h"

/* Its functions; microhttpd.h and its manual say what they do. */
struct microhttpd {
  __typeof__(MHD_start_daemon) *start_daemon;
  __typeof__(MHD_stop_daemon) *stop_daemon;
  __typeof__(MHD_run) *run;
  __typeof__(MHD_get_timeout) *get_timeout;
  __typeof__(MHD_get_daemon_info) *get_daemon_info;
  __typeof__(MHD_add_connection) *add_connection;
  __typeof__(MHD_get_connection_info) *get_connection_info;
  __typeof__(MHD_get_connection_values_n) *get_connection_values_n;
  __typeof__(MHD_suspend_connection) *suspend_connection;
  __typeof__(MHD_resume_connection) *resume_connection;
  __typeof__(MHD_create_response_from_buffer) *create_response_from_buffer;
  __typeof__(MHD_create_response_from_callback) *create_response_from_callback;
  __typeof__(MHD_add_response_header) *add_response_header;
  __typeof__(MHD_queue_response) *queue_response;
  __typeof__(MHD_destroy_response) *destroy_response;
};

/* Loads it, once. *ret_library lives as long as the process. Errors: UNAVAILABLE LIBRARY_MISSING, in the words of the
 * dynamic linker. */
struct status microhttpd_load(struct arena *arena, const struct microhttpd **ret_library);
