/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_line.h"
#include "base/traceparent.h"
#include "base/uuid.h"

const char *const log_level_names[] = {"debug", "info", "warn", "error", NULL};
const char *const log_format_names[] = {"logfmt", "json", NULL};

enum {
  RING_BYTES = 256 * 1024,
  STOP_MAX_MS = 1000, /* what log_stop waits for a stopped reader */
  POLL_MS = 100,
  CRASH_MAX_MS = 100, /* what log_crash waits for lines that came before */
};

/* Lines on their way to the writer. Callers hold the lock for a memcpy only; the writer writes without it. */
static struct {
  pthread_mutex_t lock;
  pthread_cond_t filled;
  char bytes[RING_BYTES];
  size_t first, size; /* where the oldest byte is, and how many there are */
  bool stopping;
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};

static pthread_t writer;
static atomic_bool running;
static atomic_bool giving_up; /* log_stop has waited long enough: what is left is dropped */
static char service[64];
static _Atomic enum log_level level_min = LOG_INFO;
static _Atomic enum log_format line_format = LOG_LOGFMT;
static struct log_ids (*_Atomic ids_here)(void);
static atomic_uint_fast64_t unreported; /* lines that were dropped, and not yet told by a line */

/* ---- the ring --------------------------------------------------------------------------------------------------- */

static bool ring_put(const char *bytes, size_t size) {
  pthread_mutex_lock(&ring.lock);
  bool fits = size <= RING_BYTES - ring.size;
  if (fits) {
    size_t at = (ring.first + ring.size) % RING_BYTES;
    size_t head = size < RING_BYTES - at ? size : RING_BYTES - at;
    memcpy(ring.bytes + at, bytes, head);
    memcpy(ring.bytes, bytes + head, size - head);
    ring.size += size;
    if (ring.size == size) pthread_cond_signal(&ring.filled);
  }
  pthread_mutex_unlock(&ring.lock);
  return fits;
}

/* Moves whole lines, at most LOG_LINE_MAX bytes of them, into `chunk`; waits for some. Returns 0 if the log stops and
 * none is left. */
static size_t ring_take(char *chunk) {
  pthread_mutex_lock(&ring.lock);
  while (ring.size == 0 && !ring.stopping) pthread_cond_wait(&ring.filled, &ring.lock);
  size_t size = ring.size < LOG_LINE_MAX ? ring.size : LOG_LINE_MAX;
  size_t head = size < RING_BYTES - ring.first ? size : RING_BYTES - ring.first;
  memcpy(chunk, ring.bytes + ring.first, head);
  memcpy(chunk + head, ring.bytes, size - head);
  while (size > 0 && chunk[size - 1] != '\n') size--;
  ring.first = (ring.first + size) % RING_BYTES;
  ring.size -= size;
  pthread_mutex_unlock(&ring.lock);
  return size;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static uint64_t lines_in(const char *bytes, size_t size) {
  uint64_t lines = 0;
  for (size_t i = 0; i < size; i++) lines += bytes[i] == '\n';
  return lines;
}

/* Waits until standard error takes bytes; a pipe that poll calls writable takes PIPE_BUF bytes without blocking.
 * Returns false if nobody has read for too long, and the log is to stop. */
static bool wait_writable(void) {
  struct pollfd standard_error = {.fd = STDERR_FILENO, .events = POLLOUT};
  while (true) {
    bool last = atomic_load(&giving_up);
    if (poll(&standard_error, 1, last ? 0 : POLL_MS) > 0) return true;
    if (last) return false;
  }
}

static void write_chunk(const char *bytes, size_t size) {
  while (size > 0 && wait_writable()) {
    ssize_t written = write(STDERR_FILENO, bytes, size);
    if (written < 0 && errno != EINTR && errno != EAGAIN) break;
    if (written < 0) continue;
    bytes += written;
    size -= (size_t)written;
  }
  atomic_fetch_add(&unreported, lines_in(bytes, size));
}

static void *writer_run(void *argument) {
  char chunk[LOG_LINE_MAX];
  size_t size;
  while ((size = ring_take(chunk)) > 0) write_chunk(chunk, size);
  return argument;
}

static bool writer_start(void) {
  /* Signals are the other threads'; a SIGPIPE blocked here becomes an EPIPE. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&writer, NULL, writer_run, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error == 0;
}

void log_start(const char *name, enum log_level min, enum log_format format) {
  snprintf(service, sizeof(service), "%s", name);
  atomic_store(&level_min, min);
  atomic_store(&line_format, format);
  if (atomic_load(&running)) return;
  pthread_mutex_lock(&ring.lock);
  ring.stopping = false;
  pthread_mutex_unlock(&ring.lock);
  atomic_store(&giving_up, false);
  if (writer_start()) atomic_store(&running, true);
}

static bool writer_ends(int within_ms) {
  struct timespec deadline;
  clock_gettime(CLOCK_MONOTONIC, &deadline);
  deadline.tv_nsec += within_ms % 1000 * 1000000L;
  deadline.tv_sec += within_ms / 1000 + deadline.tv_nsec / 1000000000L;
  deadline.tv_nsec %= 1000000000L;
  return pthread_clockjoin_np(writer, NULL, CLOCK_MONOTONIC, &deadline) == 0;
}

void log_stop(void) {
  if (!atomic_exchange(&running, false)) return;
  pthread_mutex_lock(&ring.lock);
  ring.stopping = true;
  pthread_cond_signal(&ring.filled);
  pthread_mutex_unlock(&ring.lock);
  if (writer_ends(STOP_MAX_MS)) return;
  atomic_store(&giving_up, true);
  /* A writer that hangs in a write to a pipe which others fill as well is left behind. */
  if (!writer_ends(3 * POLL_MS)) pthread_detach(writer);
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

static const char *time_text(void) {
  static _Thread_local char text[CLOCK_TEXT_SIZE];
  clock_text(clock_wall_us(), text);
  return text;
}

static void add_pairs(struct log_line *line, va_list pairs) {
  const char *key;
  while ((key = va_arg(pairs, const char *))) {
    const char *value = va_arg(pairs, const char *);
    log_line_add(line, key, value);
  }
}

static void add_dropped(struct log_line *line, uint64_t missing) {
  char text[24];
  snprintf(text, sizeof(text), "%" PRIu64, missing);
  log_line_add(line, "dropped_lines", text);
}

static void line_write(const struct log_line *line, uint64_t missing) {
  if (!atomic_load(&running)) {
    write_chunk(line->bytes, line->size);
  } else if (!ring_put(line->bytes, line->size)) {
    atomic_fetch_add(&unreported, missing + 1);
  }
}

/* Async-signal-safe, as is all that it calls. */
static void add_ids(struct log_line *line) {
  struct log_ids (*here)(void) = atomic_load(&ids_here);
  if (!here) return;
  struct log_ids ids = here();
  if (uuid_is_valid(ids.request_id)) log_line_add(line, "request_id", ids.request_id);
  if (ids.event_id) log_line_add(line, "event_id", ids.event_id);
  if (!traceparent_is_valid(ids.traceparent)) return;
  char trace_id[TRACE_ID_SIZE];
  traceparent_trace_id(ids.traceparent, trace_id);
  log_line_add(line, "trace_id", trace_id);
}

static void line_begin(struct log_line *line, enum log_level level, const char *message) {
  log_line_begin(line, atomic_load_explicit(&line_format, memory_order_relaxed));
  log_line_add(line, "time", time_text());
  log_line_add(line, "level", log_level_names[level]);
  if (service[0]) log_line_add(line, "service", service);
  log_line_add(line, "message", message);
  add_ids(line);
}

bool log_takes(enum log_level level) {
  return level >= atomic_load_explicit(&level_min, memory_order_relaxed);
}

void log_ids_from(struct log_ids (*here)(void)) {
  atomic_store(&ids_here, here);
}

void log_event(enum log_level level, const char *message, ...) {
  if (!log_takes(level)) return;
  /* Not on the stack: coroutines have little of it. */
  static _Thread_local struct log_line line;
  line_begin(&line, level, message);
  uint64_t missing = atomic_exchange(&unreported, 0);
  if (missing > 0) add_dropped(&line, missing);
  va_list pairs;
  va_start(pairs, message);
  add_pairs(&line, pairs);
  va_end(pairs);
  log_line_end(&line);
  line_write(&line, missing);
}

/* Lets the writer, which still runs, write what is in the ring. Without the lock, which the crashed thread may hold. */
static void await_writer(void) {
  for (int i = 0; i < CRASH_MAX_MS && atomic_load(&running); i++) {
    if (__atomic_load_n(&ring.size, __ATOMIC_RELAXED) == 0) return;
    poll(NULL, 0, 1);
  }
}

void log_crash(const char *message, ...) {
  static atomic_bool crashed;
  static struct log_line line;
  if (atomic_exchange(&crashed, true)) return; /* another thread has crashed, too */
  await_writer();
  line_begin(&line, LOG_ERROR, message);
  va_list pairs;
  va_start(pairs, message);
  add_pairs(&line, pairs);
  va_end(pairs);
  log_line_end(&line);
  atomic_store(&giving_up, true); /* a reader that doesn't read must not hold up the end */
  write_chunk(line.bytes, line.size);
}

const char *log_number(int64_t value) {
  static _Thread_local char texts[8][24];
  static _Thread_local unsigned next;
  char *text = texts[next++ % 8];
  snprintf(text, sizeof(texts[0]), "%" PRId64, value);
  return text;
}
