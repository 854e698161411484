/* SPDX-License-Identifier: Apache-2.0 */
#include "private_redis.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "redis/redis_reply_copy.h"

enum {
  START_TRIES = 10,
  COMMAND_SECONDS = 60,
  MAX_ARGUMENTS = 64,
  /* Below the ports that Linux gives to outgoing connections (32768 and above): while the server is away, nobody else
   * gets its port, least of all a client that tries to connect to it. A cluster's bus needs port + 10000, too. From
   * 27000 on are those of shell tests (tests/lib/shop.sh), which don't try another one. */
  FIRST_PORT = 12000,
  PORTS = 5000,
};

struct private_redis {
  pid_t process; /* 0: not running */
  int port;
  char folder[64];
  char url[64];
  char *password, *arguments;
  bool persistent, has_file;
  redisContext *connection; /* of private_redis_command; NULL if there is none */
  char *answer;
};

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "private redis: %s (%s)\n", what, strerror(errno));
  exit(2);
}

/* ---- the process ------------------------------------------------------------------------------------------------ */

static bool is_free(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int on = 1, socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(socket_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  bool bound = bind(socket_fd, (struct sockaddr *)&address, sizeof address) == 0;
  close(socket_fd);
  return bound;
}

static int choose_port(void) {
  while (true) {
    uint32_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random) fail("no random number");
    int port = FIRST_PORT + (int)(random % PORTS);
    if (is_free(port)) return port;
  }
}

int private_redis_free_ports(int count) {
  while (true) {
    int first = choose_port(), free_count = 1;
    while (free_count < count && is_free(first + free_count)) free_count++;
    if (free_count == count) return first;
  }
}

/* What the server is started with; made before fork, since a fork of a program with threads may not allocate. */
struct command_line {
  char port[8], log[96], file[96], *more;
  const char *arguments[MAX_ARGUMENTS];
  int count;
};

static void add_argument(struct command_line *line, const char *argument) {
  if (line->count == MAX_ARGUMENTS - 1) fail("too many arguments");
  line->arguments[line->count++] = argument;
}

static void fill_command_line(struct command_line *line, const struct private_redis *redis) {
  const char *const fixed[] = {"--port",
                               line->port,
                               "--bind",
                               "127.0.0.1",
                               "--dir",
                               redis->folder,
                               "--logfile",
                               line->log,
                               "--daemonize",
                               "no",
                               "--save",
                               "",
                               "--appendfsync",
                               "always",
                               "--aof-load-truncated",
                               "no",
                               "--appendonly",
                               redis->persistent ? "yes" : "no"};
  snprintf(line->port, sizeof line->port, "%d", redis->port);
  snprintf(line->log, sizeof line->log, "%s/redis.log", redis->folder);
  if (redis->persistent) { /* a server that was killed may have torn its log, as a power cut does */
    add_argument(line, ORDERSHOP_SOURCE_BUILT "/deploy/redis/mend_log.sh");
    add_argument(line, redis->folder);
  }
  snprintf(line->file, sizeof line->file, "%s/redis.conf", redis->folder);
  add_argument(line, "redis-server");
  if (redis->has_file) add_argument(line, line->file);
  for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) add_argument(line, fixed[i]);
  if (redis->password) {
    add_argument(line, "--requirepass");
    add_argument(line, redis->password);
  }
  char *rest = NULL;
  line->more = strdup(redis->arguments ? redis->arguments : "");
  for (char *word = strtok_r(line->more, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
    add_argument(line, word);
  }
}

static _Noreturn void become_server(const struct command_line *line, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= 2; fd++) dup2(null, fd);
  closefrom(3); /* or a listening socket of the test would live on in the server */
  execvp(line->arguments[0], (char *const *)line->arguments);
  _exit(1);
}

static void spawn(struct private_redis *redis) {
  struct command_line line = {0};
  fill_command_line(&line, redis);
  pid_t parent = getpid(), child = fork();
  if (child < 0) fail("fork");
  if (child == 0) become_server(&line, parent);
  free(line.more);
  redis->process = child;
}

static void disconnect(struct private_redis *redis) {
  if (redis->connection) redisFree(redis->connection);
  redis->connection = NULL;
}

static void end_process(struct private_redis *redis, int with) {
  disconnect(redis);
  if (redis->process == 0) return;
  kill(redis->process, with);
  waitpid(redis->process, NULL, 0);
  redis->process = 0;
}

/* ---- commands --------------------------------------------------------------------------------------------------- */

static bool connect_to(struct private_redis *redis) {
  struct timeval timeout = {.tv_sec = COMMAND_SECONDS};
  redis->connection = redisConnectWithTimeout("127.0.0.1", redis->port, timeout);
  if (!redis->connection || redis->connection->err) {
    disconnect(redis);
    return false;
  }
  redisSetTimeout(redis->connection, timeout);
  if (redis->password) freeReplyObject(redisCommand(redis->connection, "AUTH %s", redis->password));
  return true;
}

static void write_reply(FILE *file, const redisReply *reply) {
  if (reply->type == REDIS_REPLY_INTEGER) {
    fprintf(file, "%lld", reply->integer);
  } else if (reply->type == REDIS_REPLY_ARRAY) {
    for (size_t i = 0; i < reply->elements; i++) {
      if (i > 0) fputc('\n', file);
      write_reply(file, reply->element[i]);
    }
  } else if (reply->str) {
    fwrite(reply->str, 1, reply->len, file);
  }
}

static char *reply_text(const redisReply *reply) {
  if (reply->type == REDIS_REPLY_NIL) return NULL;
  char *text;
  size_t size;
  FILE *file = open_memstream(&text, &size);
  if (!file) fail("open_memstream");
  write_reply(file, reply);
  fclose(file);
  return text;
}

struct call {
  struct private_redis *redis;
  const char *format;
  va_list *values;
  struct arena *arena; /* NULL if the answer is wanted as text, else as `reply` */
  const struct redis_reply *reply;
  bool answered;
};

static redisReply *try_command(const struct call *call) {
  va_list values;
  va_copy(values, *call->values);
  redisReply *reply = redisvCommand(call->redis->connection, call->format, values);
  va_end(values);
  return reply;
}

static bool was_closed(const redisContext *connection) {
  return connection->err == REDIS_ERR_EOF ||
         (connection->err == REDIS_ERR_IO && (errno == ECONNRESET || errno == EPIPE));
}

/* On the loop's stack if a coroutine asks: hiredis reads into 16 KiB there. A connection that was closed meanwhile, as
 * sentinels do to those of a server that they promote, is made anew. */
static void run_command(void *argument) {
  struct call *call = argument;
  struct private_redis *redis = call->redis;
  free(redis->answer);
  redis->answer = NULL;
  bool is_new = !redis->connection;
  if (is_new && !connect_to(redis)) return;
  redisReply *reply = try_command(call);
  if (!reply && !is_new && was_closed(redis->connection)) {
    disconnect(redis);
    if (connect_to(redis)) reply = try_command(call);
  }
  if (!reply) {
    disconnect(redis);
    return;
  }
  call->answered = true;
  if (call->arena) {
    call->reply = redis_reply_copy(call->arena, reply);
  } else {
    redis->answer = reply_text(reply);
  }
  freeReplyObject(reply);
}

static bool command(struct private_redis *redis, const char *format, va_list *values) {
  struct call call = {.redis = redis, .format = format, .values = values};
  coroutine_on_loop_stack(run_command, &call);
  return call.answered;
}

const char *private_redis_command(struct private_redis *redis, const char *format, ...) {
  va_list values;
  va_start(values, format);
  if (!command(redis, format, &values)) fail("the server does not answer");
  va_end(values);
  return redis->answer;
}

const struct redis_reply *private_redis_reply(struct private_redis *redis, struct arena *arena, const char *format,
                                              ...) {
  va_list values;
  va_start(values, format);
  struct call call = {.redis = redis, .format = format, .values = &values, .arena = arena};
  coroutine_on_loop_stack(run_command, &call);
  va_end(values);
  if (!call.answered) fail("the server does not answer");
  return call.reply;
}

int64_t private_redis_number(struct private_redis *redis, const char *format, ...) {
  va_list values;
  va_start(values, format);
  if (!command(redis, format, &values)) fail("the server does not answer");
  va_end(values);
  if (!redis->answer || *redis->answer == '\0') return -1;
  char *end;
  int64_t number = strtoll(redis->answer, &end, 10);
  return *end == '\0' ? number : -1;
}

void private_redis_note_end(struct private_redis *redis, const char *key_prefix, const char *log,
                            struct positions *positions) {
  struct position end;
  char entry[ENTRY_ID_SIZE];
  const char *clock = private_redis_command(redis, "GET %sordershop_clock", key_prefix);
  if (!clock || !*clock) return; /* nothing has happened yet */
  if (sscanf(clock, "%43s %16s", entry, end.epoch) != 2) fail("the log has no such clock");
  end.log_time = log_time_of_entry(entry);
  positions_advance(positions, log, &end);
}

/* ---- starting --------------------------------------------------------------------------------------------------- */

static bool asks(struct private_redis *redis, const char *format, ...) {
  va_list values;
  va_start(values, format);
  bool answered = command(redis, format, &values);
  va_end(values);
  return answered && redis->answer;
}

/* It has loaded its data, and it is this process' child rather than another program's at the same port. */
static bool answers(struct private_redis *redis) {
  if (!asks(redis, "PING") || strcmp(redis->answer, "PONG") != 0) return false;
  char own[32];
  snprintf(own, sizeof own, "process_id:%d\r", (int)redis->process);
  return asks(redis, "INFO server") && strstr(redis->answer, own);
}

/* Returns false if it ended, because another took the port meanwhile. */
static bool wait_until_it_answers(struct private_redis *redis) {
  int64_t deadline_us = patience_end_us();
  while (!answers(redis)) {
    if (waitpid(redis->process, NULL, WNOHANG) == redis->process) {
      redis->process = 0;
      return false;
    }
    if (clock_monotonic_us() > deadline_us) fail("redis-server does not get ready");
    usleep(2000);
  }
  return true;
}

static char *copy(const char *text) {
  return text ? strdup(text) : NULL;
}

bool private_redis_has_denied(struct private_redis *redis) {
  if (redis->process == 0 || !asks(redis, "ACL LOG")) return false;
  return strstr(redis->answer, "reason\ncommand") || strstr(redis->answer, "reason\nkey");
}

static void write_file(struct private_redis *redis, const char *content) {
  char path[96];
  snprintf(path, sizeof path, "%s/redis.conf", redis->folder);
  FILE *file = fopen(path, "w");
  if (!file || fputs(content, file) < 0 || fclose(file) != 0) fail("can't write a configuration file");
  redis->has_file = true;
}

struct private_redis *private_redis_start(const struct private_redis_options *options) {
  struct private_redis *redis = memory_calloc(1, sizeof *redis);
  if (options) {
    redis->persistent = options->persistent;
    redis->password = copy(options->password);
    redis->arguments = copy(options->arguments);
  }
  strcpy(redis->folder, "/tmp/private_redis.XXXXXX");
  if (!mkdtemp(redis->folder)) fail("mkdtemp");
  if (options && options->file) write_file(redis, options->file);
  for (int i = 0; i < START_TRIES; i++) {
    redis->port = choose_port();
    snprintf(redis->url, sizeof redis->url, "redis://127.0.0.1:%d/0", redis->port);
    spawn(redis);
    if (wait_until_it_answers(redis)) return redis;
  }
  fail("redis-server does not start; is it installed?");
}

void private_redis_restart(struct private_redis *redis) {
  end_process(redis, SIGKILL);
  for (int i = 0; i < START_TRIES; i++) {
    spawn(redis);
    if (wait_until_it_answers(redis)) return;
  }
  fail("redis-server does not start again");
}

static int remove_file(const char *path, const struct stat *status, int type, struct FTW *walk) {
  (void)status, (void)type, (void)walk;
  return remove(path);
}

void private_redis_free(struct private_redis *redis) {
  if (!redis) return;
  end_process(redis, SIGKILL);
  nftw(redis->folder, remove_file, 16, FTW_DEPTH | FTW_PHYS);
  free(redis->password);
  free(redis->arguments);
  free(redis->answer);
  free(redis);
}

void private_redis_stop(struct private_redis *redis) {
  end_process(redis, SIGTERM);
}

void private_redis_kill(struct private_redis *redis) {
  end_process(redis, SIGKILL);
}

bool private_redis_is_running(const struct private_redis *redis) {
  return redis->process != 0;
}

void private_redis_pause(struct private_redis *redis) {
  kill(redis->process, SIGSTOP);
}

void private_redis_resume(struct private_redis *redis) {
  kill(redis->process, SIGCONT);
}

int private_redis_port(const struct private_redis *redis) {
  return redis->port;
}

const char *private_redis_url(const struct private_redis *redis) {
  return redis->url;
}

const char *private_redis_folder(const struct private_redis *redis) {
  return redis->folder;
}

void private_redis_use_password(struct private_redis *redis, const char *password) {
  disconnect(redis);
  free(redis->password);
  redis->password = copy(password);
}
