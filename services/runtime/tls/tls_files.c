/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls_files.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "tls/tls_openssl.h"

enum { LOOK_US = 2000000, FILE_MAX = 1024 * 1024 };

#define DAY_US INT64_C(86400000000)
#define WARN_US (7 * DAY_US)

/* What shows that a file has changed. */
struct stamp {
  struct timespec modified;
  ino_t number;
  off_t size;
};

/* The stamps of the certificate, key and CA file. */
struct stamps {
  struct stamp of[3];
};

static const struct metric end_metric = {
    .name = "tls_certificate_expiry_timestamp_seconds",
    .help = "When the program's own certificate ends, in Unix time, by the variable that names its file.",
    .kind = METRIC_GAUGE,
    .unit = 1e-6,
    .labels = {"setting"}};

/* The end of a certificate as metrics tell it; lives as long as the process. It is set on any thread. */
struct told_end {
  _Atomic int64_t end_us;
  int64_t *gauge;
};

struct tls_files {
  struct tls_texts paths;
  struct tls_texts names; /* for messages: variable and path */
  bool logs;
  struct told_end *told_end; /* NULL if metrics don't tell it */
  pthread_mutex_t mutex;
  /* Under the mutex: */
  struct arena *arena; /* of the texts */
  struct tls_texts texts;
  uint64_t version;
  int64_t end_us;
  struct stamps seen; /* when the texts were read */
  int64_t next_look_us;
  int64_t next_warning_us; /* of the end, by the wall clock */
  int unfit_looks;         /* in a row */
};

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static struct status unfit(struct arena *arena, const char *name, const char *what) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_certificate_unfit, "%s: %s", name, what);
}

static struct status unreadable(struct arena *arena, const char *name) {
  return unfit(arena, name, arena_printf(arena, "can't be read: %s", strerror(errno)));
}

/* Returns what is there now of an open file. If it returns NULL, errno says why. */
static const char *read_open(struct arena *arena, FILE *file) {
  struct stat state;
  if (fstat(fileno(file), &state) != 0) return NULL;
  errno = state.st_size > FILE_MAX ? EFBIG : 0;
  if (errno != 0) return NULL;
  char *text = arena_alloc(arena, (size_t)state.st_size + 1);
  size_t size = fread(text, 1, (size_t)state.st_size, file);
  text[size] = '\0';
  return ferror(file) ? NULL : text;
}

/* The text stays as it is if there is no path. */
static struct status read_text(struct arena *arena, const char *path, const char *name, const char **ret_text) {
  if (!path) return status_ok();
  FILE *file = fopen(path, "re");
  if (!file) return unreadable(arena, name);
  const char *text = read_open(arena, file);
  struct status status = text ? status_ok() : unreadable(arena, name);
  fclose(file);
  if (text) *ret_text = text;
  return status;
}

static struct status read_texts(struct arena *arena, const struct tls_files *files, struct tls_texts *ret_texts,
                                int64_t *ret_end) {
  const struct tls_texts *paths = &files->paths, *names = &files->names;
  struct tls_texts texts = {0};
  struct status status = read_text(arena, paths->certificate, names->certificate, &texts.certificate);
  if (status_is_ok(status)) status = read_text(arena, paths->key, names->key, &texts.key);
  if (status_is_ok(status)) status = read_text(arena, paths->ca, names->ca, &texts.ca);
  if (status_is_ok(status)) status = tls_texts_check(arena, &texts, names, ret_end);
  if (status_is_ok(status)) *ret_texts = texts;
  return status;
}

static struct stamp stamp_of(const char *path) {
  struct stat state;
  if (!path || stat(path, &state) != 0) return (struct stamp){.number = 0};
  return (struct stamp){.modified = state.st_mtim, .number = state.st_ino, .size = state.st_size};
}

static struct stamps stamps_of(const struct tls_texts *paths) {
  return (struct stamps){.of = {stamp_of(paths->certificate), stamp_of(paths->key), stamp_of(paths->ca)}};
}

static bool stamp_is(const struct stamp *one, const struct stamp *other) {
  return one->number == other->number && one->size == other->size && one->modified.tv_sec == other->modified.tv_sec &&
         one->modified.tv_nsec == other->modified.tv_nsec;
}

static bool stamps_are(const struct stamps *one, const struct stamps *other) {
  for (int i = 0; i < 3; i++) {
    if (!stamp_is(&one->of[i], &other->of[i])) return false;
  }
  return true;
}

/* ---- what has changed ------------------------------------------------------------------------------------------- */

static bool text_is(const char *one, const char *other) {
  return one == other || (one && other && strcmp(one, other) == 0);
}

static bool texts_are(const struct tls_texts *one, const struct tls_texts *other) {
  return text_is(one->certificate, other->certificate) && text_is(one->key, other->key) && text_is(one->ca, other->ca);
}

static void tell_exchange(const struct tls_files *files) {
  if (!files->logs) return;
  bool ends = files->end_us != INT64_MAX;
  log_event(LOG_INFO, "certificates read again", "certificate", files->paths.certificate, "until",
            ends ? tls_time_text(files->arena, files->end_us) : "", "ca", files->paths.ca, NULL);
}

static void set_told_end(void *argument) {
  const struct told_end *told = argument;
  *told->gauge = atomic_load(&told->end_us);
}

static void begin_telling_end(struct tls_files *files, struct arena *arena, const char *prefix) {
  if (!files->logs || files->end_us == INT64_MAX) return;
  const char *setting = arena_printf(arena, "%sTLS_CERTIFICATE_FILE", prefix);
  files->told_end = memory_calloc(1, sizeof *files->told_end);
  files->told_end->gauge = metric_gauge(&end_metric, &setting);
  atomic_store(&files->told_end->end_us, files->end_us);
  metrics_collect(set_told_end, files->told_end);
}

static void take_over(struct tls_files *files, struct arena *arena, const struct tls_texts *texts, int64_t end_us) {
  arena_free(files->arena);
  files->arena = arena;
  files->texts = *texts;
  files->end_us = end_us;
  files->version++;
  files->next_warning_us = 0;
  if (files->told_end) atomic_store(&files->told_end->end_us, end_us);
  tell_exchange(files);
}

/* The first look at unfit files may be the moment between the exchange of two files. */
static void note_unfit(struct tls_files *files, struct status status) {
  if (++files->unfit_looks != 2 || !files->logs) return;
  log_event(LOG_WARN, "new certificates are unfit, the old ones stay in use", "reason", status.message, NULL);
}

static void read_again(struct tls_files *files, const struct stamps *stamps) {
  struct arena *arena = arena_new();
  struct tls_texts texts;
  int64_t end_us;
  struct status status = read_texts(arena, files, &texts, &end_us);
  if (!status_is_ok(status)) {
    note_unfit(files, status);
    arena_free(arena);
    return;
  }
  files->seen = *stamps;
  files->unfit_looks = 0;
  if (texts_are(&texts, &files->texts)) {
    arena_free(arena);
  } else {
    take_over(files, arena, &texts, end_us);
  }
}

static void warn_of_end(struct tls_files *files) {
  int64_t now_us = clock_wall_us();
  if (!files->logs || files->end_us - now_us > WARN_US || now_us < files->next_warning_us) return;
  files->next_warning_us = now_us + DAY_US;
  bool over = now_us >= files->end_us;
  log_event(over ? LOG_ERROR : LOG_WARN, over ? "the certificate has expired" : "the certificate ends soon", "file",
            files->paths.certificate, "end", tls_time_text(files->arena, files->end_us), NULL);
}

static void look(struct tls_files *files) {
  int64_t now_us = clock_monotonic_us();
  if (now_us < files->next_look_us) return;
  files->next_look_us = now_us + LOOK_US;
  struct stamps stamps = stamps_of(&files->paths);
  if (!stamps_are(&stamps, &files->seen)) read_again(files, &stamps);
  warn_of_end(files);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static const char *path_of(struct arena *arena, const char *given) {
  return given && *given ? arena_strdup(arena, given) : NULL;
}

static const char *name_of(struct arena *arena, const char *prefix, const char *variable, const char *path) {
  return path ? arena_printf(arena, "%s%s: %s", prefix, variable, path) : NULL;
}

static struct tls_texts names_of(struct arena *arena, const char *prefix, const struct tls_texts *paths) {
  return (struct tls_texts){.certificate = name_of(arena, prefix, "TLS_CERTIFICATE_FILE", paths->certificate),
                            .key = name_of(arena, prefix, "TLS_KEY_FILE", paths->key),
                            .ca = name_of(arena, prefix, "TLS_CA_FILE", paths->ca)};
}

/* Certificate and key are of use together only. */
static struct status missing(struct arena *arena, const char *prefix, const char *variable, const char *given) {
  return unfit(arena, arena_printf(arena, "%s%s", prefix, variable),
               arena_printf(arena, "is not set, but needed with %s%s", prefix, given));
}

struct status tls_files_open(struct arena *arena, const char *prefix, const struct tls_texts *paths, bool logs,
                             struct tls_files **ret_files) {
  struct tls_texts own = {path_of(arena, paths->certificate), path_of(arena, paths->key), path_of(arena, paths->ca)};
  if (!own.certificate && !own.key && !own.ca) {
    *ret_files = NULL;
    return status_ok();
  }
  tls_openssl_outlive_main();
  if (own.certificate && !own.key) return missing(arena, prefix, "TLS_KEY_FILE", "TLS_CERTIFICATE_FILE");
  if (own.key && !own.certificate) return missing(arena, prefix, "TLS_CERTIFICATE_FILE", "TLS_KEY_FILE");
  struct tls_files *files = arena_calloc(arena, 1, sizeof(*files));
  *files = (struct tls_files){
      .paths = own, .names = names_of(arena, prefix, &own), .logs = logs, .version = 1, .arena = arena_new()};
  files->seen = stamps_of(&own);
  struct status status = read_texts(files->arena, files, &files->texts, &files->end_us);
  if (!status_is_ok(status)) {
    status = status_copy(status, arena);
    arena_free(files->arena);
    return status;
  }
  begin_telling_end(files, arena, prefix);
  pthread_mutex_init(&files->mutex, NULL);
  *ret_files = files;
  return status;
}

void tls_files_close(struct tls_files *files) {
  if (!files) return;
  pthread_mutex_destroy(&files->mutex);
  arena_free(files->arena);
}

bool tls_files_have_ca(const struct tls_files *files) {
  return files && files->paths.ca;
}

uint64_t tls_files_version(struct tls_files *files) {
  pthread_mutex_lock(&files->mutex);
  look(files);
  uint64_t version = files->version;
  pthread_mutex_unlock(&files->mutex);
  return version;
}

uint64_t tls_files_read(struct tls_files *files, struct arena *arena, struct tls_texts *ret_texts) {
  pthread_mutex_lock(&files->mutex);
  *ret_texts = (struct tls_texts){.certificate = arena_strdup(arena, files->texts.certificate),
                                  .key = arena_strdup(arena, files->texts.key),
                                  .ca = arena_strdup(arena, files->texts.ca)};
  uint64_t version = files->version;
  pthread_mutex_unlock(&files->mutex);
  return version;
}
