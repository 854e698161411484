/* SPDX-License-Identifier: Apache-2.0 */
#include "store/newest_states.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"

enum {
  BUCKETS = 1024,
  RUN_US = 100000, /* without a break */
  KEPT_MAX = 1024, /* states that no command uses, and the size of each: together at most a megabyte */
  KEPT_BYTES = 1024,
  DISTRUST_US = 1000000, /* so long none are kept after a kept one was not stored any more */
};

/* A thing that commands use, or whose state is kept. */
struct slot {
  struct slot *next; /* in the bucket */
  char *name;
  size_t users; /* 0: it is in the list of those that are kept */
  struct slot *older, *newer;
  size_t contenders;  /* users that were refused and try again */
  uint64_t forgotten; /* how often its state was */
  bool known;
  bool kept;   /* no command has used it since, for a while at least */
  void *bytes; /* NULL means that nothing is stored */
  size_t size;
};

struct newest_use {
  struct newest_use *next; /* of the command */
  struct slot *slot;
  uint64_t forgotten; /* as it was when the command found, or did not find, the state */
  bool kept;          /* what it found was */
  bool contends;      /* it is counted among the slot's contenders */
};

struct newest_states {
  struct slot *buckets[BUCKETS];
  size_t slot_count, kept_count;
  struct slot *oldest, *latest; /* of those that are kept */
  int64_t trust_us;             /* from when on states are kept again */
  size_t under_way;             /* commands that were sent and not answered */
  int64_t run_begin_us;         /* since when there have always been some */
  bool pausing;                 /* nothing is sent until there are none */
  struct condition over;        /* the pause */
  bool contended;               /* one was refused, and none of those that try again is through yet */
  struct keyed_locks turns;     /* of those that try again */
};

struct newest_states *newest_states_new(struct arena *arena) {
  return arena_calloc(arena, 1, sizeof(struct newest_states));
}

size_t newest_states_used(const struct newest_states *states) {
  return states->slot_count - states->kept_count;
}

size_t newest_states_kept(const struct newest_states *states) {
  return states->kept_count;
}

struct newest_command newest_command_of(struct newest_states *states, int64_t deadline_us) {
  return (struct newest_command){.states = states, .deadline_us = deadline_us};
}

/* ---- states ----------------------------------------------------------------------------------------------------- */

static struct slot **bucket_of(struct newest_states *states, const char *name) {
  return &states->buckets[hash_text(name) % BUCKETS];
}

static void drop_slot(struct newest_states *states, struct slot *slot) {
  struct slot **link = bucket_of(states, slot->name);
  while (*link != slot) link = &(*link)->next;
  *link = slot->next;
  states->slot_count--;
  free(slot->bytes);
  free(slot->name);
  free(slot);
}

static void leave_kept(struct newest_states *states, struct slot *slot) {
  *(slot->older ? &slot->older->newer : &states->oldest) = slot->newer;
  *(slot->newer ? &slot->newer->older : &states->latest) = slot->older;
  states->kept_count--;
}

/* To be used: it is not among those that are kept afterwards. */
static struct slot *slot_at(struct newest_states *states, const char *name) {
  struct slot **bucket = bucket_of(states, name);
  for (struct slot *slot = *bucket; slot; slot = slot->next) {
    if (strcmp(slot->name, name) != 0) continue;
    if (slot->users == 0) leave_kept(states, slot);
    return slot;
  }
  struct slot *slot = memory_calloc(1, sizeof *slot);
  slot->name = strcpy(memory_alloc(strlen(name) + 1), name);
  slot->next = *bucket;
  *bucket = slot;
  states->slot_count++;
  return slot;
}

static void drop_oldest(struct newest_states *states) {
  struct slot *slot = states->oldest;
  states->oldest = slot->newer;
  *(slot->newer ? &slot->newer->older : &states->latest) = NULL;
  states->kept_count--;
  drop_slot(states, slot);
}

static void keep(struct newest_states *states, struct slot *slot) {
  slot->kept = true;
  slot->newer = NULL;
  slot->older = states->latest;
  *(slot->older ? &slot->older->newer : &states->oldest) = slot;
  states->latest = slot;
  if (++states->kept_count > KEPT_MAX) drop_oldest(states);
}

static bool may_keep(const struct newest_states *states, const struct slot *slot) {
  return slot->known && slot->size <= KEPT_BYTES && clock_monotonic_us() >= states->trust_us;
}

static void release_slot(struct newest_states *states, struct slot *slot) {
  if (--slot->users > 0) return;
  if (may_keep(states, slot)) {
    keep(states, slot);
  } else {
    drop_slot(states, slot);
  }
}

static void set_state(struct slot *slot, struct newest_state state) {
  free(slot->bytes);
  slot->bytes = state.bytes ? memcpy(memory_alloc(state.size + 1), state.bytes, state.size) : NULL;
  slot->size = state.size;
  slot->known = true;
  slot->kept = false;
}

static void forget(struct slot *slot) {
  slot->known = false;
  slot->forgotten++;
}

static void forget_all(struct newest_states *states) {
  while (states->oldest) drop_oldest(states);
  for (size_t i = 0; i < BUCKETS; i++) {
    for (struct slot *slot = states->buckets[i]; slot; slot = slot->next) forget(slot);
  }
}

static void set_contends(struct newest_use *use, bool contends) {
  if (contends && !use->contends) use->slot->contenders++;
  if (!contends && use->contends) use->slot->contenders--;
  use->contends = contends;
}

struct newest_use *newest_use(struct newest_command *command, const char *name) {
  struct newest_use *use = memory_alloc(sizeof *use);
  struct slot *slot = slot_at(command->states, name);
  *use = (struct newest_use){.next = command->uses, .slot = slot, .forgotten = slot->forgotten};
  command->uses = use;
  slot->users++;
  set_contends(use, command->refused);
  return use;
}

static void release_uses(struct newest_command *command) {
  while (command->uses) {
    struct newest_use *use = command->uses;
    command->uses = use->next;
    set_contends(use, false);
    release_slot(command->states, use->slot);
    free(use);
  }
}

bool newest_find(struct newest_use *use, struct newest_state *ret_state) {
  const struct slot *slot = use->slot;
  use->forgotten = slot->forgotten;
  use->kept = slot->known && slot->kept;
  if (slot->known) *ret_state = (struct newest_state){slot->bytes, slot->size};
  return slot->known;
}

void newest_take(struct newest_use *use, struct newest_state state) {
  if (!use->slot->known && use->slot->forgotten == use->forgotten) set_state(use->slot, state);
}

void newest_change(struct newest_use *use, struct newest_state state) {
  set_state(use->slot, state);
}

/* ---- turns ------------------------------------------------------------------------------------------------------ */

static coroutine_fn bool get_in_line(struct newest_command *command) {
  command->in_line = keyed_lock_acquire(&command->states->turns, &command->turn, "", command->deadline_us);
  return command->in_line;
}

static void leave_line(struct newest_command *command) {
  if (!command->in_line) return;
  command->in_line = false;
  keyed_lock_release(&command->states->turns, &command->turn);
}

coroutine_fn bool newest_begin(struct newest_command *command) {
  struct newest_states *states = command->states;
  if (clock_monotonic_us() >= command->deadline_us) return false;
  if (command->waits && !command->in_line && !get_in_line(command)) return false;
  release_uses(command);
  if (states->under_way > 0 && clock_monotonic_us() - states->run_begin_us >= RUN_US) states->pausing = true;
  while (states->pausing) {
    if (!condition_wait(&states->over, command->deadline_us)) return false;
  }
  return true;
}

bool newest_may_send(struct newest_command *command) {
  if (command->in_line) return true;
  for (const struct newest_use *use = command->uses; use && !command->waits; use = use->next) {
    command->waits = use->slot->contenders > 0;
  }
  return !command->waits;
}

bool newest_is_contended(const struct newest_command *command) {
  return command->waits;
}

void newest_send(struct newest_command *command) {
  struct newest_states *states = command->states;
  if (states->under_way++ == 0) states->run_begin_us = clock_monotonic_us();
  if (states->contended) return;
  command->waits = command->refused = false;
  for (struct newest_use *use = command->uses; use; use = use->next) set_contends(use, false);
  leave_line(command);
}

/* What it used is not, or may not be, stored as it was found; what it has sent never came to be. */
static void forget_used(struct newest_command *command) {
  for (const struct newest_use *use = command->uses; use; use = use->next) {
    if (use->slot->forgotten == use->forgotten) forget(use->slot);
  }
}

bool newest_has_kept(const struct newest_command *command) {
  const struct newest_use *use = command->uses;
  while (use && !use->kept) use = use->next;
  return use != NULL;
}

void newest_states_stop(struct newest_states *states) {
  states->trust_us = INT64_MAX;
  while (states->oldest) drop_oldest(states);
}

/* Another process changes the same things. */
static void distrust(struct newest_states *states) {
  int64_t trust_us = clock_monotonic_us() + DISTRUST_US;
  if (states->trust_us < trust_us) states->trust_us = trust_us;
  while (states->oldest) drop_oldest(states);
}

static void end_pause(struct newest_states *states) {
  states->pausing = false;
  forget_all(states);
  condition_signal_all(&states->over);
}

void newest_answered(struct newest_command *command, enum newest_outcome outcome) {
  struct newest_states *states = command->states;
  if (outcome != NEWEST_DONE) forget_used(command);
  if (outcome == NEWEST_REFUSED && newest_has_kept(command)) distrust(states);
  command->refused = outcome == NEWEST_REFUSED;
  if (command->refused) command->waits = states->contended = true;
  for (struct newest_use *use = command->uses; use && command->refused; use = use->next) set_contends(use, true);
  if (outcome == NEWEST_DONE && command->in_line) states->contended = false;
  if (--states->under_way == 0 && states->pausing) end_pause(states);
}

void newest_end(struct newest_command *command) {
  leave_line(command);
  release_uses(command);
}
