/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/label.h"

#include <stdio.h>

#include "loop/scheduler.h"

void label_set(const struct label *label) {
  struct coroutine *self = coroutine_self();
  if (!self) return;
  struct scheduler *scheduler = self->scheduler;
  pthread_mutex_lock(&scheduler->labels);
  self->label = label ? *label : (struct label){0};
  atomic_store(&self->stood_us, 0);
  pthread_mutex_unlock(&scheduler->labels);
}

/* Without the mutex: only this thread changes labels. */
struct label label_here(void) {
  struct scheduler *scheduler = scheduler_here();
  struct coroutine *current = scheduler ? atomic_load(&scheduler->current) : NULL;
  return current ? current->label : (struct label){0};
}

struct log_ids label_ids_here(void) {
  return label_here().ids;
}

int64_t label_stood_us(void) {
  struct coroutine *self = coroutine_self();
  return self ? atomic_load(&self->stood_us) : 0;
}

bool label_text(const struct label *label, char *text, size_t size) {
  const char *entry = label->entry, *key = label->key;
  if (label->kind) {
    snprintf(text, size, "%s %s%s%s%s%s", label->kind, label->name, entry ? " " : "", entry ? entry : "",
             key ? " of key " : "", key ? key : "");
  } else {
    snprintf(text, size, "%s", "");
  }
  return label->kind != NULL;
}
