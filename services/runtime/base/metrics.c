/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metrics.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* One value of a metric, and the values of its labels. */
struct series {
  struct series *next;
  char *values[METRIC_LABELS];
  void *value; /* uint64_t, int64_t or struct metric_histogram, by the metric's kind */
};

struct family {
  struct family *next; /* by name */
  const struct metric *metric;
  struct series *series; /* in the order in which they were asked for */
};

struct collector {
  struct collector *next;
  void (*collect)(void *argument);
  void *argument;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of these lists */
static struct family *families;
static struct collector *collectors;

static size_t label_count(const struct metric *metric) {
  size_t count = 0;
  while (metric->labels[count]) count++;
  return count;
}

/* ---- declared --------------------------------------------------------------------------------------------------- */

/* Metrics of the same name, as two places may declare, are one. */
static struct family *family_of(const struct metric *metric) {
  struct family **link = &families;
  while (*link && strcmp((*link)->metric->name, metric->name) < 0) link = &(*link)->next;
  if (*link && strcmp((*link)->metric->name, metric->name) == 0) return *link;
  struct family *family = memory_calloc(1, sizeof *family);
  *family = (struct family){.next = *link, .metric = metric};
  *link = family;
  return family;
}

/* A label without a value is as good as none to Prometheus. */
static const char *text_of(const char *value) {
  return value ? value : "";
}

static bool has_values(const struct series *series, const char *const *values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(text_of(series->values[i]), text_of(values[i])) != 0) return false;
  }
  return true;
}

static char *copy(const char *text) {
  size_t size = strlen(text) + 1;
  return memcpy(memory_alloc(size), text, size);
}

/* `fresh` is taken if there is no such value yet, or else stays the caller's. */
static void *series_value(const struct metric *metric, const char *const *values, void *fresh) {
  struct family *family = family_of(metric);
  size_t count = label_count(family->metric);
  struct series **link = &family->series;
  for (; *link; link = &(*link)->next) {
    if (has_values(*link, values, count)) return (*link)->value;
  }
  struct series *series = memory_calloc(1, sizeof *series);
  for (size_t i = 0; i < count; i++) series->values[i] = copy(text_of(values[i]));
  series->value = fresh;
  *link = series;
  return fresh;
}

static void *declare(const struct metric *metric, const char *const *values, size_t size) {
  void *fresh = memory_calloc(1, size);
  pthread_mutex_lock(&mutex);
  void *value = series_value(metric, values, fresh);
  pthread_mutex_unlock(&mutex);
  if (value != fresh) free(fresh);
  return value;
}

uint64_t *metric_counter(const struct metric *metric, const char *const *values) {
  return declare(metric, values, sizeof(uint64_t));
}

int64_t *metric_gauge(const struct metric *metric, const char *const *values) {
  return declare(metric, values, sizeof(int64_t));
}

struct metric_histogram *metric_histogram(const struct metric *metric, const char *const *values) {
  struct metric_histogram *histogram = declare(metric, values, sizeof *histogram);
  histogram->bounds = metric->bounds;
  return histogram;
}

uint64_t *metric_counters(const struct metric *metric, const char *const *values, const char *const *last,
                          size_t count) {
  const char *all[METRIC_LABELS] = {0};
  size_t before = label_count(metric) - 1;
  for (size_t i = 0; i < before; i++) all[i] = values[i];
  uint64_t *fresh = memory_calloc(count, sizeof *fresh);
  uint64_t *first = NULL;
  pthread_mutex_lock(&mutex);
  for (size_t i = 0; i < count; i++) {
    all[before] = last[i];
    uint64_t *value = series_value(metric, all, &fresh[i]);
    if (i == 0) first = value;
  }
  pthread_mutex_unlock(&mutex);
  if (first != fresh) free(fresh);
  return first;
}

void metrics_collect(void (*collect)(void *argument), void *argument) {
  struct collector *collector = memory_alloc(sizeof *collector);
  *collector = (struct collector){.collect = collect, .argument = argument};
  pthread_mutex_lock(&mutex);
  collector->next = collectors;
  collectors = collector;
  pthread_mutex_unlock(&mutex);
}

/* ---- rendered --------------------------------------------------------------------------------------------------- */

struct text {
  struct arena *arena;
  char *bytes;
  size_t size, room;
};

static void make_room(struct text *text, size_t more) {
  if (text->size + more < text->room) return;
  text->room = 2 * (text->size + more) + 4096;
  char *bytes = arena_alloc(text->arena, text->room);
  if (text->size > 0) memcpy(bytes, text->bytes, text->size);
  text->bytes = bytes;
}

static void add_bytes(struct text *text, const char *bytes, size_t size) {
  make_room(text, size);
  memcpy(text->bytes + text->size, bytes, size);
  text->size += size;
}

static void add(struct text *text, const char *more) {
  add_bytes(text, more, strlen(more));
}

/* Quotes matter in the values of labels alone. */
static void add_escaped(struct text *text, const char *value, bool is_quoted) {
  while (true) {
    size_t plain = strcspn(value, is_quoted ? "\\\n\"" : "\\\n");
    add_bytes(text, value, plain);
    value += plain;
    if (!*value) return;
    add(text, *value == '\\' ? "\\\\" : *value == '\n' ? "\\n" : "\\\"");
    value++;
  }
}

static void add_name(struct text *text, const struct metric *metric, const char *brand, const char *suffix) {
  if (!metric->is_shared) {
    add(text, brand);
    add(text, "_");
  }
  add(text, metric->name);
  add(text, suffix);
}

static void add_label(struct text *text, const char *name, const char *value, bool *is_first) {
  add(text, *is_first ? "{" : ",");
  *is_first = false;
  add(text, name);
  add(text, "=\"");
  add_escaped(text, value, true);
  add(text, "\"");
}

/* `le` is the bound of a bucket; NULL if the line is for none. */
static void add_labels(struct text *text, const struct metric *metric, const struct series *series, const char *le) {
  bool is_first = true;
  for (size_t i = 0; metric->labels[i]; i++) add_label(text, metric->labels[i], series->values[i], &is_first);
  if (le) add_label(text, "le", le, &is_first);
  add(text, is_first ? " " : "} ");
}

static void print_number(char room[32], const struct metric *metric, double value) {
  snprintf(room, 32, "%.15g", metric->unit > 0 ? value * metric->unit : value);
}

static void add_number(struct text *text, const struct metric *metric, double value) {
  char number[32];
  print_number(number, metric, value);
  add(text, number);
  add(text, "\n");
}

static void add_count(struct text *text, uint64_t count) {
  char number[32];
  snprintf(number, sizeof number, "%llu\n", (unsigned long long)count);
  add(text, number);
}

static void add_histogram(struct text *text, const struct metric *metric, const char *brand,
                          const struct series *series) {
  const struct metric_histogram *histogram = series->value;
  uint64_t count = 0;
  for (size_t i = 0;; i++) {
    char bound[32] = "+Inf";
    count += histogram->counts[i];
    if (metric->bounds[i]) print_number(bound, metric, (double)metric->bounds[i]);
    add_name(text, metric, brand, "_bucket");
    add_labels(text, metric, series, bound);
    add_count(text, count);
    if (!metric->bounds[i]) break;
  }
  add_name(text, metric, brand, "_sum");
  add_labels(text, metric, series, NULL);
  add_number(text, metric, (double)histogram->sum);
  add_name(text, metric, brand, "_count");
  add_labels(text, metric, series, NULL);
  add_count(text, count);
}

static void add_value(struct text *text, const struct metric *metric, const char *brand, const struct series *series) {
  if (metric->kind == METRIC_HISTOGRAM) {
    add_histogram(text, metric, brand, series);
    return;
  }
  add_name(text, metric, brand, "");
  add_labels(text, metric, series, NULL);
  if (metric->kind == METRIC_GAUGE && *(const int64_t *)series->value == METRIC_UNKNOWN) {
    add(text, "NaN\n");
  } else if (metric->kind == METRIC_GAUGE) {
    add_number(text, metric, (double)*(const int64_t *)series->value);
  } else if (metric->unit > 0) {
    add_number(text, metric, (double)*(const uint64_t *)series->value);
  } else {
    add_count(text, *(const uint64_t *)series->value);
  }
}

static void add_family(struct text *text, const struct family *family, const char *brand) {
  static const char *const kinds[] = {
      [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
  const struct metric *metric = family->metric;
  add(text, "# HELP ");
  add_name(text, metric, brand, " ");
  add_escaped(text, metric->help, false);
  add(text, "\n# TYPE ");
  add_name(text, metric, brand, " ");
  add(text, kinds[metric->kind]);
  add(text, "\n");
  for (const struct series *series = family->series; series; series = series->next) {
    add_value(text, metric, brand, series);
  }
}

/* What a collector asks for is made meanwhile, so that the mutex is not held. New ones come first in the list. */
static void collect_all(void) {
  pthread_mutex_lock(&mutex);
  struct collector *collector = collectors;
  pthread_mutex_unlock(&mutex);
  for (; collector; collector = collector->next) collector->collect(collector->argument);
}

const char *metrics_render(struct arena *arena, const char *brand, size_t *ret_size) {
  struct text text = {.arena = arena};
  make_room(&text, 1);
  collect_all();
  pthread_mutex_lock(&mutex);
  for (const struct family *family = families; family; family = family->next) add_family(&text, family, brand);
  pthread_mutex_unlock(&mutex);
  *ret_size = text.size;
  text.bytes[text.size] = '\0';
  return text.bytes;
}
