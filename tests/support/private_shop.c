#include "private_shop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "base/clock.h"

enum { START_SECONDS = 30, MOST_VARIABLES = 64 };

struct private_shop {
  struct arena *arena;
  struct private_redis *redis;
  struct ordershop_client *client; /* asks for health */
  const char *folder, *mail_folder, *bin;
  const char *variables[MOST_VARIABLES]; /* of all services */
  int variable_count;
  int port_base;
  pid_t processes[ORDERSHOP_SERVICE_COUNT]; /* 0: not running */
};

static _Noreturn void fail(const char *what, const char *detail) {
  fprintf(stderr, "private shop: %s %s (%s)\n", what, detail, strerror(errno));
  exit(2);
}

static void add_variable(struct private_shop *shop, const char *variable) {
  if (shop->variable_count == MOST_VARIABLES - 1) fail("too many variables:", variable);
  shop->variables[shop->variable_count++] = variable;
}

static void set_variables(struct private_shop *shop, const struct private_shop_options *options) {
  struct arena *arena = shop->arena;
  add_variable(shop, arena_printf(arena, "ORDERSHOP_REDIS_URL=%s", private_redis_url(shop->redis)));
  add_variable(shop, arena_printf(arena, "ORDERSHOP_MAIL_FOLDER=%s", shop->mail_folder));
  if (options->key_prefix) add_variable(shop, arena_printf(arena, "ORDERSHOP_KEY_PREFIX=%s", options->key_prefix));
  for (int i = 0; options->variables && options->variables[i]; i++) add_variable(shop, options->variables[i]);
  static const char *const names[] = {"CUSTOMER", "PRODUCT", "INVENTORY", "ORDER", "BILLING", "CRM", "MAIL"};
  for (int i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) {
    add_variable(shop, arena_printf(arena, "ORDERSHOP_%s_ADDRESS=127.0.0.1:%d", names[i], shop->port_base + 1 + i));
  }
}

static const char *log_path(struct private_shop *shop, enum ordershop_service service) {
  return arena_printf(shop->arena, "%s/%s.log", shop->folder, ordershop_service_name(service));
}

static _Noreturn void become_service(struct private_shop *shop, enum ordershop_service service, pid_t parent) {
  const char *name = ordershop_service_name(service);
  int log = open(log_path(shop, service), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(log, STDERR_FILENO);
  dup2(log, STDOUT_FILENO);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  for (int i = 0; i < shop->variable_count; i++) putenv((char *)shop->variables[i]);
  putenv(arena_printf(shop->arena, "ORDERSHOP_LISTEN=127.0.0.1:%d", private_shop_port(shop, service)));
  putenv(arena_printf(shop->arena, "ORDERSHOP_FAIL_POINT_DIR=%s/fail_points/%s", shop->folder, name));
  const char *program = arena_printf(shop->arena, "%s/ordershop-%s", shop->bin, name);
  execl(program, program, (char *)NULL);
  fail("can't run", program);
}

static void launch(struct private_shop *shop, enum ordershop_service service) {
  pid_t parent = getpid();
  pid_t process = fork();
  if (process < 0) fail("can't fork for", ordershop_service_name(service));
  if (process == 0) become_service(shop, service, parent);
  shop->processes[service] = process;
}

static void show_logs(struct private_shop *shop) {
  for (int i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) {
    fflush(stderr);
    const char *command = arena_printf(shop->arena, "tail -n 30 %s >&2", log_path(shop, (enum ordershop_service)i));
    if (system(command) != 0) return;
  }
}

static void wait_until_serving(struct private_shop *shop, enum ordershop_service service) {
  struct arena *arena = arena_new();
  int64_t deadline = clock_monotonic_us() + START_SECONDS * INT64_C(1000000);
  while (true) {
    arena_reset(arena);
    struct context context = {.arena = arena, .deadline_us = clock_monotonic_us() + 1000000};
    bool serving = false;
    struct status status = ordershop_check_health(shop->client, &context, service, &serving);
    if (status_is_ok(status) && serving) break;
    if (clock_monotonic_us() > deadline) {
      show_logs(shop);
      fail("not serving:", ordershop_service_name(service));
    }
    usleep(5000);
  }
  arena_free(arena);
}

static void make_folders(struct private_shop *shop) {
  const char *parent = getenv("TMPDIR");
  char *folder = arena_printf(shop->arena, "%s/ordershop-shop-XXXXXX", parent ? parent : "/tmp");
  if (!mkdtemp(folder)) fail("can't make", folder);
  shop->folder = folder;
  shop->mail_folder = arena_printf(shop->arena, "%s/mail", folder);
  const char *bin = getenv("ORDERSHOP_BIN");
  shop->bin = bin ? bin : ORDERSHOP_BIN_BUILT;
}

struct private_shop *private_shop_start(const struct private_shop_options *options) {
  static const struct private_shop_options none;
  if (!options) options = &none;
  struct arena *arena = arena_new();
  struct private_shop *shop = arena_calloc(arena, 1, sizeof *shop);
  shop->arena = arena;
  make_folders(shop);
  const struct private_redis_options redis = {.persistent = true, .arguments = options->redis_arguments};
  shop->redis = private_redis_start(&redis);
  if (options->redis_arguments && strstr(options->redis_arguments, "--cluster-enabled")) {
    private_redis_command(shop->redis, "CLUSTER ADDSLOTSRANGE 0 16383");
  }
  shop->port_base = private_redis_free_ports(ORDERSHOP_SERVICE_COUNT + 1);
  const struct ordershop_client_options client = {.port_base = shop->port_base, .attempts = 1};
  struct status status = ordershop_client_open(arena, &client, &shop->client);
  if (!status_is_ok(status)) fail("no client:", status.message);
  set_variables(shop, options);
  for (int i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) launch(shop, (enum ordershop_service)i);
  for (int i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) wait_until_serving(shop, (enum ordershop_service)i);
  return shop;
}

static int end_process(struct private_shop *shop, enum ordershop_service service, int signal) {
  int status = 0;
  if (shop->processes[service] == 0) return 0;
  kill(shop->processes[service], signal);
  if (waitpid(shop->processes[service], &status, 0) < 0) fail("can't wait for", ordershop_service_name(service));
  shop->processes[service] = 0;
  return status;
}

void private_shop_free(struct private_shop *shop) {
  if (!shop) return;
  for (int i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) end_process(shop, (enum ordershop_service)i, SIGKILL);
  ordershop_client_close(shop->client);
  private_redis_free(shop->redis);
  if (CU_get_number_of_failures() > 0) show_logs(shop);
  if (system(arena_printf(shop->arena, "rm -rf %s", shop->folder)) != 0) fail("can't remove", shop->folder);
  arena_free(shop->arena);
}

struct private_redis *private_shop_redis(struct private_shop *shop) {
  return shop->redis;
}

struct ordershop_client *private_shop_client(struct private_shop *shop, struct arena *arena) {
  const struct ordershop_client_options options = {.port_base = shop->port_base};
  struct ordershop_client *client;
  struct status status = ordershop_client_open(arena, &options, &client);
  if (!status_is_ok(status)) fail("no client:", status.message);
  return client;
}

int private_shop_port(const struct private_shop *shop, enum ordershop_service service) {
  return shop->port_base + 1 + (int)service;
}

const char *private_shop_mail_folder(const struct private_shop *shop) {
  return shop->mail_folder;
}

void private_shop_stop_service(struct private_shop *shop, enum ordershop_service service) {
  int status = end_process(shop, service, SIGTERM);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  show_logs(shop);
  fail("did not end gracefully:", ordershop_service_name(service));
}

void private_shop_kill_service(struct private_shop *shop, enum ordershop_service service) {
  end_process(shop, service, SIGKILL);
}

void private_shop_start_service(struct private_shop *shop, enum ordershop_service service) {
  launch(shop, service);
  wait_until_serving(shop, service);
}
