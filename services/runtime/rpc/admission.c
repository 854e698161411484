/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/admission.h"

enum {
  LIMIT_FIRST = 16,
  LIMIT_MAX = 512,
  SERVICE_US = 150 * 1000, /* that a call may take by waiting for others that are worked on, too */
  WAIT_MAX_US = 2000 * 1000,
  LOOK_MIN = 8, /* calls to have ended before the limit is looked at, and the time after which so few suffice */
  LOOK_US = 1000 * 1000,
  SMOOTHING = 16, /* calls that `service_us` is about */
};

void admission_init(struct admission *admission, bool begun_elsewhere) {
  *admission = (struct admission){.begun_elsewhere = begun_elsewhere, .limit = LIMIT_FIRST};
  admission->last = &admission->first;
}

/* ---- the line --------------------------------------------------------------------------------------------------- */

static void line_add(struct admission *admission, struct admission_entry *entry) {
  entry->next = NULL;
  entry->link = admission->last;
  *admission->last = entry;
  admission->last = &entry->next;
  admission->waiting++;
}

void admission_leave(struct admission *admission, struct admission_entry *entry) {
  if (!entry->link) return;
  *entry->link = entry->next;
  if (entry->next) {
    entry->next->link = entry->link;
  } else {
    admission->last = entry->link;
  }
  entry->link = NULL;
  admission->waiting--;
}

/* ---- who is worked on ------------------------------------------------------------------------------------------- */

static void begin(struct admission *admission, struct admission_entry *entry, int64_t now_us) {
  if (admission->working == 0) admission->moved_us = now_us;
  admission->working++;
  if (admission->working > admission->working_max) admission->working_max = admission->working;
  entry->since_us = now_us;
}

/* When nothing has ended for longer than usual, the calls that are worked on may be waiting for something that doesn't
 * answer. */
static int64_t silence_us(const struct admission *admission, int64_t now_us) {
  int64_t silence_us = now_us - admission->moved_us - admission->interval_us;
  return silence_us > 0 ? silence_us : 0;
}

/* What a call should have left when its work begins. Some take longer than others, and a call that asks a peer gives it
 * half of its time only. */
static int64_t needed_us(const struct admission *admission) {
  return 2 * admission->service_us;
}

static bool is_worth_waiting(const struct admission *admission, int64_t deadline_us, int64_t now_us) {
  int64_t line_us = (int64_t)(admission->waiting + 1) * admission->interval_us;
  int64_t wait_us = line_us + silence_us(admission, now_us), left_us = deadline_us - now_us;
  if (line_us > WAIT_MAX_US || wait_us + needed_us(admission) > left_us) return false;
  return wait_us <= left_us / 4 || admission->begun_elsewhere;
}

enum admission_verdict admission_arrive(struct admission *admission, struct admission_entry *entry, int64_t deadline_us,
                                        int64_t now_us) {
  *entry = (struct admission_entry){.deadline_us = deadline_us};
  if (admission->working < admission->limit && admission->waiting == 0) {
    begin(admission, entry, now_us);
    return ADMISSION_WORK;
  }
  admission->full = true;
  if (!is_worth_waiting(admission, deadline_us, now_us)) return ADMISSION_REFUSE;
  line_add(admission, entry);
  return ADMISSION_WAIT;
}

struct admission_entry *admission_next(struct admission *admission, int64_t now_us, bool *ret_work) {
  struct admission_entry *entry = admission->first;
  if (!entry || admission->working >= admission->limit) return NULL;
  admission_leave(admission, entry);
  /* One call is tried, however long calls took before: else it would not show that they don't any more. */
  int64_t least_us = admission->working > 0 ? needed_us(admission) : 0;
  *ret_work = entry->deadline_us - now_us > least_us;
  if (*ret_work) begin(admission, entry, now_us);
  return entry;
}

/* ---- the limit -------------------------------------------------------------------------------------------------- */

/* Calls that take longer than they should although few are worked on do so by nature, not by waiting for others. */
static int64_t longest_us(const struct admission *admission) {
  int64_t by_nature_us = admission->alone_us + admission->alone_us / 2;
  int64_t usual_us = admission->begun_elsewhere ? 2 * SERVICE_US : SERVICE_US;
  return by_nature_us > usual_us ? by_nature_us : usual_us;
}

static size_t shrunk(size_t limit, int64_t mean_us, int64_t max_us) {
  size_t fitting = limit * (size_t)max_us / (size_t)mean_us;
  if (fitting < limit * 2 / 3) fitting = limit * 2 / 3;
  return fitting > 0 ? fitting : 1;
}

static size_t grown(size_t limit) {
  size_t next = limit + 1 + limit / 8;
  return next < LIMIT_MAX ? next : LIMIT_MAX;
}

/* In a period in which there was no room at any time, calls ended as fast as they can. Of any other period it is only
 * known how fast they would end if as many were worked on as the limit allows. A pause, in which nothing ended, is not
 * taken for what is to come. */
static int64_t measured_interval_us(const struct admission *admission, int64_t mean_us, int64_t now_us) {
  int64_t interval_us = mean_us / (int64_t)admission->limit, before_us = admission->interval_us;
  if (admission->full && admission->full_before)
    interval_us = (now_us - admission->looked_us) / (int64_t)admission->count;
  return before_us > 0 && interval_us > 2 * before_us ? 2 * before_us : interval_us;
}

/* The limit follows how long calls take: where what is behind them does one thing after the other, they take longer the
 * more of them there are. */
static void adjust(struct admission *admission, int64_t now_us) {
  int64_t mean_us = admission->sum_us / (int64_t)admission->count;
  if (admission->working_max == 1 || mean_us < admission->alone_us) admission->alone_us = mean_us;
  admission->interval_us = measured_interval_us(admission, mean_us, now_us);
  int64_t max_us = longest_us(admission);
  if (mean_us > max_us) {
    admission->limit = shrunk(admission->limit, mean_us, max_us);
  } else if (admission->full) {
    admission->limit = grown(admission->limit);
  }
  admission->looked_us = now_us;
  admission->sum_us = 0;
  admission->count = 0;
  admission->working_max = admission->working;
  admission->full = admission->full_before = admission->waiting > 0;
}

static void learn(struct admission *admission, int64_t took_us, int64_t now_us) {
  admission->service_us += (took_us - admission->service_us) / (admission->service_us > 0 ? SMOOTHING : 1);
  admission->sum_us += took_us;
  admission->count++;
  bool enough = admission->count >= admission->limit || now_us - admission->looked_us >= LOOK_US;
  if (enough && admission->count >= LOOK_MIN) adjust(admission, now_us);
}

void admission_end(struct admission *admission, struct admission_entry *entry, int64_t now_us) {
  admission->working--;
  admission->moved_us = now_us;
  learn(admission, entry->worked_us + now_us - entry->since_us, now_us);
}

void admission_rest(struct admission *admission, struct admission_entry *entry, int64_t now_us) {
  admission->working--;
  admission->moved_us = now_us;
  entry->worked_us += now_us - entry->since_us;
}

void admission_resume(struct admission *admission, struct admission_entry *entry, int64_t now_us) {
  begin(admission, entry, now_us);
}
