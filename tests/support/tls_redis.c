/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_redis.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[32];
static struct private_redis *server;
static int port;

void tls_redis_shell(const char *command) {
  char whole[2048];
  snprintf(whole, sizeof whole,
           "cd %s && make() { " ORDERSHOP_SOURCE_BUILT "/deploy/tls/certificates.sh \"$@\" >/dev/null; } && %s", folder,
           command);
  if (system(whole) == 0) return;
  fprintf(stderr, "tls redis: this failed: %s\n", whole);
  exit(2);
}

struct private_redis *tls_redis_start_beside(const char *arguments, const char *file, int *ret_port) {
  char all[768];
  *ret_port = private_redis_free_ports(1);
  snprintf(all, sizeof all,
           "%s --tls-port %d --tls-cert-file %s/shop/redis.crt --tls-key-file %s/shop/redis.key --tls-ca-cert-file "
           "%s/shop/ca.crt --tls-auth-clients no --bind 127.0.0.1 127.0.0.2 -::1",
           arguments, *ret_port, folder, folder, folder);
  return private_redis_start(&(struct private_redis_options){.arguments = all, .file = file});
}

struct private_redis *tls_redis_start(void) {
  strcpy(folder, "/tmp/tls_redis.XXXXXX");
  if (!mkdtemp(folder)) exit(2);
  tls_redis_shell("make shop ca && make shop issue redis redis.test && make shop issue client/ada");
  server = tls_redis_start_beside("", NULL, &port);
  return server;
}

static int remove_file(const char *path, const struct stat *status, int type, struct FTW *walk) {
  (void)status, (void)type, (void)walk;
  return remove(path);
}

void tls_redis_free(void) {
  private_redis_free(server);
  nftw(folder, remove_file, 16, FTW_DEPTH | FTW_PHYS);
}

int tls_redis_port(void) {
  return port;
}

const char *tls_redis_folder(void) {
  return folder;
}

struct tls_client *tls_redis_client(struct arena *arena, const char *ca, const char *certificate) {
  struct tls_texts paths = {0};
  struct tls_client *client;
  if (ca) paths.ca = arena_printf(arena, "%s/%s", folder, ca);
  if (certificate) {
    paths.certificate = arena_printf(arena, "%s/%s.crt", folder, certificate);
    paths.key = arena_printf(arena, "%s/%s.key", folder, certificate);
  }
  struct status status = tls_client_open(arena, "COUPON_REDIS_", &paths, true, &client);
  if (status_is_ok(status)) return client;
  fprintf(stderr, "tls redis: %s\n", status.message);
  exit(2);
}
