/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL at the end of a process: it has to be there for gRPC's threads until the very end. */
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rpc/rpc_runtime.h"
#include "suite.h"
#include "tls/tls_files.h"

enum { STILL_THERE = 10, CLEANED = 11 };

/* Registered before OpenSSL could register anything, so it runs after all that OpenSSL would do. */
static void look_at_openssl(void) {
  _exit(OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) == 1 ? STILL_THERE : CLEANED);
}

/* What a process finds of OpenSSL at its end, after it has begun with `begin`. */
static int end_of_process(void (*begin)(void)) {
  pid_t child = fork();
  if (child == 0) {
    atexit(look_at_openssl);
    begin();
    OPENSSL_init_ssl(0, NULL);
    exit(0);
  }
  int state = 0;
  CU_ASSERT_EQUAL_FATAL(waitpid(child, &state, 0), child);
  return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

static void with_grpc(void) {
  rpc_library_acquire();
}

static void with_tls_files(void) {
  struct arena *arena = arena_new();
  struct tls_texts paths = {.ca = "/nowhere/ca.crt"};
  struct tls_files *files = NULL;
  tls_files_open(arena, "ORDERSHOP_", &paths, false, &files);
  arena_free(arena);
}

static void with_nothing(void) {}

static void openssl_outlives_main_where_grpc_runs(void) {
  CU_ASSERT_EQUAL(end_of_process(with_grpc), STILL_THERE);
}

static void openssl_outlives_main_where_tls_files_are_read(void) {
  CU_ASSERT_EQUAL(end_of_process(with_tls_files), STILL_THERE);
}

static void openssl_by_itself_does_not(void) {
  CU_ASSERT_EQUAL(end_of_process(with_nothing), CLEANED);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"OpenSSL outlives main where gRPC runs", openssl_outlives_main_where_grpc_runs},
      {"OpenSSL outlives main where TLS files are read", openssl_outlives_main_where_tls_files_are_read},
      {"OpenSSL by itself does not", openssl_by_itself_does_not},
  };
  return suite_main("OpenSSL at the end", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
