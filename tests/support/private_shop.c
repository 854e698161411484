/* SPDX-License-Identifier: Apache-2.0 */
#include "private_shop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "base/clock.h"
#include "patience.h"

enum { MAX_VARIABLES = 64, OWN_VARIABLES = 4, POLL_US = 2000 };

#define ROW(NAME, name, distance) [ORDERSHOP_##NAME] = {#NAME, distance}

static const struct {
  const char *variable; /* what names it in those of addresses */
  int distance;         /* of its port from the base */
} services[ORDERSHOP_SERVICE_COUNT] = {ORDERSHOP_SERVICES(ROW)};

struct private_shop {
  struct arena *arena;
  struct private_redis *redis;     /* NULL if there are masters, or a cluster in `redises` */
  struct private_masters *masters; /* NULL if there is a single Redis */
  struct private_redises *redises; /* NULL unless each service has one of its own */
  const char *key_prefix;          /* "" if there is none */
  struct forwarder *forwarder;     /* NULL if there is none */
  struct ordershop_client *client; /* asks for health */
  const char *folder, *mail_folder, *bin;
  const char *variables[MAX_VARIABLES]; /* of all services */
  int variable_count;
  int port_base;
  pid_t processes[ORDERSHOP_SERVICE_COUNT]; /* 0: not running */
  pid_t replica;                            /* likewise */
};

static _Noreturn void fail(const char *what, const char *detail) {
  fprintf(stderr, "private shop: %s %s (%s)\n", what, detail, strerror(errno));
  exit(2);
}

static void add_variable(struct private_shop *shop, const char *variable) {
  if (shop->variable_count == MAX_VARIABLES - 1) fail("too many variables:", variable);
  shop->variables[shop->variable_count++] = variable;
}

/* The shipped rules for the services; only the default user, the test's own, may do everything. */
static const char *make_users(struct private_shop *shop, const struct private_shop_options *options) {
  struct arena *arena = shop->arena;
  const char *prefix = options->key_prefix ? options->key_prefix : "";
  const char *command =
      arena_printf(arena,
                   "'%s/deploy/redis/make_users.sh' '%s/users' --prefix '%s' %s && "
                   "sed -i 's/^user default .*/user default on nopass ~* \\&* +@all/' '%s/users/users.acl'",
                   ORDERSHOP_SOURCE_BUILT, shop->folder, prefix, options->some_apart ? "--apart" : "", shop->folder);
  if (system(command) != 0) fail("can't make users for Redis:", command);
  const char *more = options->redis_arguments ? options->redis_arguments : "";
  if (options->forwarded) {
    more = arena_printf(arena, "--include %s/deploy/redis/transactional.conf %s", ORDERSHOP_SOURCE_BUILT, more);
  }
  return arena_printf(arena, "--include %s/users/replication.conf --aclfile %s/users/users.acl %s", shop->folder,
                      shop->folder, more);
}

static void set_variables(struct private_shop *shop, const struct private_shop_options *options) {
  struct arena *arena = shop->arena;
  add_variable(shop, arena_printf(arena, "ORDERSHOP_MAIL_FOLDER=%s", shop->mail_folder));
  add_variable(shop, arena_printf(arena, "ORDERSHOP_EVENT_FOLDER=%s/event", shop->folder));
  if (options->key_prefix) add_variable(shop, arena_printf(arena, "ORDERSHOP_KEY_PREFIX=%s", options->key_prefix));
  for (int i = 0; options->variables && options->variables[i]; i++) add_variable(shop, options->variables[i]);
  for (enum ordershop_service i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) {
    add_variable(shop, arena_printf(arena, "ORDERSHOP_%s_ADDRESS=127.0.0.1:%d", services[i].variable,
                                    private_shop_port(shop, i)));
  }
}

static const char *log_path(struct private_shop *shop, enum ordershop_service service) {
  return arena_printf(shop->arena, "%s/%s.log", shop->folder, ordershop_service_name(service));
}

/* What a process of a service is started with; made before fork, since a fork of a program with threads may not
 * allocate. */
struct launch {
  const char *log, *program;
  char **environment;
};

/* Of a name that comes twice the first counts: a service's own, the latest that were set, then the test's. */
static char **environment_of(struct private_shop *shop, const char *name, int port) {
  size_t inherited = 0, count = 0;
  while (environ[inherited]) inherited++;
  size_t most = inherited + MAX_VARIABLES + OWN_VARIABLES + PRIVATE_REDISES_VARIABLES + 1;
  char **result = arena_calloc(shop->arena, most, sizeof *result);
  result[count++] = arena_printf(shop->arena, "ORDERSHOP_LISTEN=127.0.0.1:%d", port);
  result[count++] = arena_printf(shop->arena, "FAIL_POINT_DIR=%s/fail_points/%s", shop->folder, name);
  for (int i = shop->variable_count; i > 0; i--) result[count++] = (char *)shop->variables[i - 1];
  if (shop->redises) count += private_redises_variables(shop->redises, name, result + count);
  result[count++] = arena_printf(shop->arena, "ORDERSHOP_REDIS_PASSWORD_FILE=%s/users/%s.password", shop->folder, name);
  if (shop->masters) {
    const char *url = private_masters_url(shop->masters, shop->arena, name);
    result[count++] = arena_printf(shop->arena, "ORDERSHOP_REDIS_URL=%s", url);
  } else if (shop->redis) {
    int redis_port = shop->forwarder ? forwarder_port(shop->forwarder) : private_redis_port(shop->redis);
    result[count++] = arena_printf(shop->arena, "ORDERSHOP_REDIS_URL=redis://%s@127.0.0.1:%d/0", name, redis_port);
  }
  memcpy(result + count, environ, inherited * sizeof *result);
  return result;
}

static struct launch launch_of(struct private_shop *shop, enum ordershop_service service, int port) {
  const char *name = ordershop_service_name(service);
  return (struct launch){.log = log_path(shop, service),
                         .program = arena_printf(shop->arena, "%s/ordershop-%s", shop->bin, name),
                         .environment = environment_of(shop, name, port)};
}

static _Noreturn void become_service(const struct launch *launch, pid_t parent) {
  int log = open(launch->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(log, STDERR_FILENO);
  dup2(log, STDOUT_FILENO);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  char *const arguments[] = {(char *)launch->program, NULL};
  execve(launch->program, arguments, launch->environment);
  _exit(127);
}

static pid_t spawn(struct private_shop *shop, enum ordershop_service service, int port) {
  struct launch launch = launch_of(shop, service, port);
  pid_t parent = getpid();
  pid_t process = fork();
  if (process < 0) fail("can't fork for", ordershop_service_name(service));
  if (process == 0) become_service(&launch, parent);
  return process;
}

void private_shop_launch_service(struct private_shop *shop, enum ordershop_service service) {
  shop->processes[service] = spawn(shop, service, private_shop_port(shop, service));
}

static void show_logs(struct private_shop *shop) {
  for (int i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) {
    fflush(stderr);
    const char *command = arena_printf(shop->arena, "tail -n 30 %s >&2", log_path(shop, (enum ordershop_service)i));
    if (system(command) != 0) return;
  }
}

void private_shop_await_service(struct private_shop *shop, enum ordershop_service service) {
  struct arena *arena = arena_new();
  int64_t deadline = patience_end_us();
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
    usleep(POLL_US);
  }
  arena_free(arena);
}

static void make_folder(const char *path) {
  if (mkdir(path, 0700) != 0) fail("can't make", path);
}

static void make_folders(struct private_shop *shop) {
  const char *parent = getenv("TMPDIR");
  char *folder = arena_printf(shop->arena, "%s/ordershop-shop-XXXXXX", parent ? parent : "/tmp");
  if (!mkdtemp(folder)) fail("can't make", folder);
  shop->folder = folder;
  shop->mail_folder = arena_printf(shop->arena, "%s/mail", folder);
  make_folder(arena_printf(shop->arena, "%s/fail_points", folder));
  for (int i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) {
    const char *name = ordershop_service_name((enum ordershop_service)i);
    make_folder(arena_printf(shop->arena, "%s/fail_points/%s", folder, name));
  }
  const char *bin = getenv("ORDERSHOP_BIN");
  shop->bin = bin ? bin : ORDERSHOP_BIN_BUILT;
}

/* Whether the test's caller asks for that arrangement, where the test itself asks for none. */
static bool is_told(const struct private_shop_options *options, const char *arrangement) {
  const char *told = getenv("ORDERSHOP_TEST_APART");
  bool may_be = !options->redis_arguments && !options->forwarded && options->arrangement == PRIVATE_SINGLE &&
                !options->apart && !options->in_slots;
  return may_be && told && strcmp(told, arrangement) == 0;
}

static void start_redis(struct private_shop *shop, const struct private_shop_options *options) {
  if (options->in_slots || is_told(options, "cluster")) {
    shop->redises = private_redises_start_cluster(shop->arena, shop->folder);
    return;
  }
  const struct private_redis_options redis = {.persistent = true, .arguments = make_users(shop, options)};
  if (options->arrangement == PRIVATE_SINGLE) {
    shop->redis = private_redis_start(&redis);
    if (options->apart || is_told(options, "1")) {
      shop->redises = private_redises_start(shop->arena, shop->folder, shop->key_prefix);
    }
  } else {
    shop->masters = private_masters_start(options->arrangement, arena_printf(shop->arena, "%s/users", shop->folder));
  }
}

struct private_shop *private_shop_start(const struct private_shop_options *options) {
  static const struct private_shop_options none;
  if (!options) options = &none;
  struct arena *arena = arena_new();
  struct private_shop *shop = arena_calloc(arena, 1, sizeof *shop);
  shop->arena = arena;
  make_folders(shop);
  shop->key_prefix = options->key_prefix ? arena_strdup(arena, options->key_prefix) : "";
  start_redis(shop, options);
  if (options->forwarded) shop->forwarder = forwarder_start(private_redis_port(shop->redis));
  if (options->redis_arguments && strstr(options->redis_arguments, "--cluster-enabled")) {
    private_redis_command(shop->redis, "CLUSTER ADDSLOTSRANGE 0 16383");
  }
  shop->port_base = private_redis_free_ports(ORDERSHOP_DISTANCE_MAX + 1);
  const struct ordershop_client_options client = {.port_base = shop->port_base, .attempts = 1};
  struct status status = ordershop_client_open(arena, &client, &shop->client);
  if (!status_is_ok(status)) fail("no client:", status.message);
  set_variables(shop, options);
  for (enum ordershop_service i = 0; i < SHIPPED_SERVICE_COUNT; i++) private_shop_launch_service(shop, i);
  for (enum ordershop_service i = 0; i < SHIPPED_SERVICE_COUNT; i++) private_shop_await_service(shop, i);
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

/* However well the tests went: a process that a sanitizer ended is hardly missed where processes are killed. */
static void check_sanitizers(struct private_shop *shop) {
  for (int i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) {
    enum ordershop_service service = (enum ordershop_service)i;
    int found =
        private_shop_log_lines(shop, service, "Sanitizer: ") + private_shop_log_lines(shop, service, "runtime error: ");
    if (found == 0) continue;
    if (system(arena_printf(shop->arena, "grep -A 40 'Sanitizer: \\|runtime error: ' %s >&2",
                            log_path(shop, service))) != 0) {
      continue;
    }
    fail("a sanitizer has found something in", ordershop_service_name(service));
  }
}

/* What users.acl should have allowed fails the test program, however well the shop did without. */
static void check_rights(struct private_shop *shop) {
  bool denied = shop->masters && private_masters_have_denied(shop->masters);
  if (shop->redis && private_redis_has_denied(shop->redis)) denied = true;
  if (shop->redises && private_redises_have_denied(shop->redises)) denied = true;
  if (!denied) return;
  fprintf(stderr, "%s\n", private_redis_command(private_shop_redis(shop), "ACL LOG"));
  fail("a service was refused by deploy/redis/users.acl", "");
}

void private_shop_free(struct private_shop *shop) {
  if (!shop) return;
  for (int i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) end_process(shop, (enum ordershop_service)i, SIGKILL);
  private_shop_kill_replica(shop);
  check_rights(shop);
  ordershop_client_close(shop->client);
  forwarder_free(shop->forwarder);
  private_redis_free(shop->redis);
  private_masters_free(shop->masters);
  private_redises_free(shop->redises);
  if (CU_get_number_of_failures() > 0) show_logs(shop);
  check_sanitizers(shop);
  if (system(arena_printf(shop->arena, "rm -rf %s", shop->folder)) != 0) fail("can't remove", shop->folder);
  arena_free(shop->arena);
}

struct private_redis *private_shop_redis(struct private_shop *shop) {
  if (shop->redis) return shop->redis;
  if (shop->masters) return private_masters_master(shop->masters);
  return private_cluster_master_of(private_redises_cluster(shop->redises), PRIVATE_CLUSTER_PREFIX);
}

struct private_redis *private_shop_redis_of(struct private_shop *shop, const char *key) {
  return shop->redises ? private_redises_of_key(shop->redises, key) : private_shop_redis(shop);
}

struct private_redises *private_shop_redises(struct private_shop *shop) {
  return shop->redises;
}

struct private_masters *private_shop_masters(struct private_shop *shop) {
  return shop->masters;
}

const char *private_shop_key(const struct private_shop *shop, struct arena *arena, const char *key) {
  const char *prefix = shop->redises ? private_redises_prefix_of_key(shop->redises, key) : shop->key_prefix;
  return arena_printf(arena, "%s%s", prefix, key);
}

struct forwarder *private_shop_forwarder(struct private_shop *shop) {
  return shop->forwarder;
}

static bool follows(struct private_redis *replica) {
  return strstr(private_redis_command(replica, "INFO replication"), "master_link_status:up") != NULL;
}

struct private_redis *private_shop_start_redis_replica(struct private_shop *shop) {
  const char *arguments =
      arena_printf(shop->arena,
                   "--include %s/deploy/redis/replica.conf --include %s/users/replication.conf "
                   "--aclfile %s/users/users.acl --replicaof 127.0.0.1 %d",
                   ORDERSHOP_SOURCE_BUILT, shop->folder, shop->folder, private_redis_port(shop->redis));
  struct private_redis *replica =
      private_redis_start(&(struct private_redis_options){.persistent = true, .arguments = arguments});
  int64_t deadline = patience_end_us();
  while (!follows(replica)) {
    if (clock_monotonic_us() > deadline) fail("a replica does not follow", "");
    usleep(POLL_US);
  }
  return replica;
}

struct ordershop_client *private_shop_client(struct private_shop *shop, struct arena *arena) {
  const struct ordershop_client_options options = {.port_base = shop->port_base};
  struct ordershop_client *client;
  struct status status = ordershop_client_open(arena, &options, &client);
  if (!status_is_ok(status)) fail("no client:", status.message);
  return client;
}

int private_shop_port(const struct private_shop *shop, enum ordershop_service service) {
  return shop->port_base + services[service].distance;
}

const char *private_shop_mail_folder(const struct private_shop *shop) {
  return shop->mail_folder;
}

const char *private_shop_bin(const struct private_shop *shop) {
  return shop->bin;
}

/* kill(0, ...) would end the test program itself. */
static void signal_process(struct private_shop *shop, enum ordershop_service service, int signal) {
  if (shop->processes[service] == 0) fail("does not run:", ordershop_service_name(service));
  kill(shop->processes[service], signal);
}

void private_shop_terminate_service(struct private_shop *shop, enum ordershop_service service) {
  signal_process(shop, service, SIGTERM);
}

int64_t private_shop_await_exit(struct private_shop *shop, enum ordershop_service service) {
  int64_t begin = clock_monotonic_us();
  int status = end_process(shop, service, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return (clock_monotonic_us() - begin) / 1000;
  show_logs(shop);
  fail("did not end gracefully:", ordershop_service_name(service));
}

void private_shop_stop_service(struct private_shop *shop, enum ordershop_service service) {
  private_shop_terminate_service(shop, service);
  private_shop_await_exit(shop, service);
}

void private_shop_kill_service(struct private_shop *shop, enum ordershop_service service) {
  end_process(shop, service, SIGKILL);
}

void private_shop_start_service(struct private_shop *shop, enum ordershop_service service) {
  private_shop_launch_service(shop, service);
  private_shop_await_service(shop, service);
}

void private_shop_pause_service(struct private_shop *shop, enum ordershop_service service) {
  signal_process(shop, service, SIGSTOP);
}

void private_shop_resume_service(struct private_shop *shop, enum ordershop_service service) {
  signal_process(shop, service, SIGCONT);
}

void private_shop_await_end(struct private_shop *shop, enum ordershop_service service) {
  int64_t deadline = patience_end_us();
  while (waitpid(shop->processes[service], NULL, WNOHANG) == 0) {
    if (clock_monotonic_us() > deadline) {
      show_logs(shop);
      fail("did not end:", ordershop_service_name(service));
    }
    usleep(POLL_US);
  }
  shop->processes[service] = 0;
}

void private_shop_set_variable(struct private_shop *shop, const char *variable) {
  add_variable(shop, arena_strdup(shop->arena, variable));
}

/* ---- replica ---------------------------------------------------------------------------------------------------- */

static bool listens(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool connected = connect(probe, (struct sockaddr *)&address, sizeof address) == 0;
  close(probe);
  return connected;
}

int private_shop_start_replica(struct private_shop *shop, enum ordershop_service service) {
  if (shop->replica) fail("there is a replica already, of another service than", ordershop_service_name(service));
  int port = private_redis_free_ports(1);
  shop->replica = spawn(shop, service, port);
  int64_t deadline = patience_end_us();
  while (!listens(port)) {
    if (clock_monotonic_us() > deadline) fail("no replica of", ordershop_service_name(service));
    usleep(POLL_US);
  }
  return port;
}

void private_shop_kill_replica(struct private_shop *shop) {
  if (!shop->replica) return;
  kill(shop->replica, SIGKILL);
  waitpid(shop->replica, NULL, 0);
  shop->replica = 0;
}

/* ---- fail points ------------------------------------------------------------------------------------------------ */

static const char *point_path(struct private_shop *shop, enum ordershop_service service, const char *name,
                              const char *suffix) {
  return arena_printf(shop->arena, "%s/fail_points/%s/%s%s", shop->folder, ordershop_service_name(service), name,
                      suffix);
}

void private_shop_arm(struct private_shop *shop, enum ordershop_service service, const char *name, const char *action) {
  private_shop_release(shop, service, name);
  const char *draft = point_path(shop, service, name, ".draft");
  FILE *file = fopen(draft, "w");
  if (!file || fputs(action, file) < 0 || fclose(file) != 0) fail("can't write", draft);
  if (rename(draft, point_path(shop, service, name, "")) != 0) fail("can't arm", name);
}

bool private_shop_await_point(struct private_shop *shop, enum ordershop_service service, const char *name) {
  const char *hit = point_path(shop, service, name, ".hit");
  int64_t deadline = patience_end_us();
  while (access(hit, F_OK) != 0) {
    if (clock_monotonic_us() > deadline) return false;
    usleep(POLL_US);
  }
  return true;
}

void private_shop_release(struct private_shop *shop, enum ordershop_service service, const char *name) {
  unlink(point_path(shop, service, name, ""));
  unlink(point_path(shop, service, name, ".hit"));
}

/* The consumer has handled all that the log tells, and its outbox is empty: no call of its is under way. */
static bool has_followed(struct private_shop *shop, const char *service) {
  if (shop->redises) return private_redises_are_followed(shop->redises, service);
  struct private_redis *redis = private_shop_redis(shop);
  char clock[128];
  const char *told = private_redis_command(redis, "GET %sordershop_clock", shop->key_prefix);
  if (!told) return true; /* nothing has happened yet */
  snprintf(clock, sizeof clock, "%.*s", (int)strcspn(told, " "), told);
  const char *position = private_redis_command(redis, "HGET %s%s_position log", shop->key_prefix, service);
  return position && strcmp(position, clock) == 0 &&
         private_redis_number(redis, "LLEN %s%s_outbox", shop->key_prefix, service) == 0;
}

static int64_t length_of(struct private_shop *shop, const char *stream) {
  struct private_redis *redis = private_shop_redis_of(shop, stream);
  const char *prefix = shop->redises ? private_redises_prefix_of_key(shop->redises, stream) : shop->key_prefix;
  return private_redis_number(redis, "XLEN %sevents:%s", prefix, stream);
}

const char *private_shop_end_of_log(struct private_shop *shop, struct arena *arena) {
  struct positions ends = {.count = 0};
  if (shop->redises) private_redises_note_ends(shop->redises, &ends);
  if (!shop->redises) private_redis_note_end(private_shop_redis(shop), shop->key_prefix, "", &ends);
  return positions_text(arena, &ends);
}

static bool all_have_followed(struct private_shop *shop) {
  static const char *const consumers[] = {"inventory", "order", "billing", "crm", "mail"};
  for (size_t i = 0; i < sizeof consumers / sizeof consumers[0]; i++) {
    if (!has_followed(shop, consumers[i])) return false;
  }
  return length_of(shop, "mail_created") == length_of(shop, "mail_updated");
}

/* Consumers are asked one after the other: what one of them appended meanwhile is not handled by those before it. */
bool private_shop_is_quiet(struct private_shop *shop) {
  struct arena *arena = arena_new();
  const char *end = private_shop_end_of_log(shop, arena);
  bool is_quiet = all_have_followed(shop) && strcmp(end, private_shop_end_of_log(shop, arena)) == 0;
  arena_free(arena);
  return is_quiet;
}

/* ---- logs ------------------------------------------------------------------------------------------------------- */

int private_shop_log_lines(struct private_shop *shop, enum ordershop_service service, const char *text) {
  FILE *file = fopen(log_path(shop, service), "r");
  if (!file) return 0;
  char *line = NULL;
  size_t room = 0;
  int count = 0;
  while (getline(&line, &room, file) >= 0) count += strstr(line, text) != NULL;
  free(line);
  fclose(file);
  return count;
}
