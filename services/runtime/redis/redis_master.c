/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_master.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "redis/redis_dial.h"

enum { ASK_MS = 1000, OTHERS_MS = 50, DISBELIEF_US = 10 * 1000 * 1000 };

/* A witness and the way to it. */
struct asked {
  struct redis_inquiry *inquiry;
  struct redis_dial dial;
  struct redis_socket *socket; /* NULL if there is none */
  struct redis_witness witness;
  bool done; /* has told, or can't */
};

/* It frees itself when nothing of libuv refers to it any more. */
struct redis_inquiry {
  struct arena *arena; /* of the question's texts: who asked first may leave first */
  struct redis_master_question question;
  struct redis_master_asker *askers;
  uv_timer_t limit;
  size_t holds;         /* handles, sockets and resolutions that are open */
  bool enough, decided; /* more than half have told; nobody is listened to any more */
  size_t count;
  struct asked asked[]; /* `count` */
};

static void release(struct redis_inquiry *inquiry) {
  if (--inquiry->holds > 0) return;
  arena_free(inquiry->arena);
  free(inquiry);
}

static void on_limit_closed(uv_handle_t *limit) {
  release(limit->data);
}

/* Lets go of all witnesses. Nobody joins any more. */
static void end(struct redis_inquiry *inquiry) {
  struct redis_master_known *known = inquiry->question.known;
  inquiry->decided = true;
  if (known->inquiry == inquiry) known->inquiry = NULL;
  inquiry->holds++; /* closing sockets runs on_closed */
  uv_close((uv_handle_t *)&inquiry->limit, on_limit_closed);
  for (size_t i = 0; i < inquiry->count; i++) {
    redis_dial_end(&inquiry->asked[i].dial);
    if (inquiry->asked[i].socket) redis_socket_close(inquiry->asked[i].socket);
  }
  release(inquiry);
}

/* ---- judging ---------------------------------------------------------------------------------------------------- */

static const struct redis_testimony *testimony_of(const struct asked *asked) {
  return &asked->witness.testimony;
}

static bool has_told(const struct asked *asked) {
  return asked->done && *testimony_of(asked)->host;
}

static const char *kind_of_witness(const struct redis_inquiry *inquiry) {
  return inquiry->question.url->arrangement == REDIS_SENTINEL ? "sentinel" : "node";
}

/* Nodes of a cluster may know one of them by different addresses. */
static bool are_one_master(const struct redis_testimony *told, const struct redis_testimony *other) {
  if (*told->node && *other->node) return strcmp(told->node, other->node) == 0;
  return told->port == other->port && strcmp(told->host, other->host) == 0;
}

/* How many tell the same as this one, itself included. */
static size_t count_agreeing(const struct redis_inquiry *inquiry, const struct asked *with) {
  const struct redis_testimony *told = testimony_of(with);
  size_t count = 0;
  for (size_t i = 0; i < inquiry->count; i++) {
    const struct redis_testimony *other = testimony_of(&inquiry->asked[i]);
    count += has_told(&inquiry->asked[i]) && other->epoch == told->epoch && are_one_master(told, other);
  }
  return count;
}

static bool is_newer(const struct redis_inquiry *inquiry, const struct asked *asked, const struct asked *than) {
  int64_t epoch = testimony_of(asked)->epoch, other = testimony_of(than)->epoch;
  return epoch > other || (epoch == other && count_agreeing(inquiry, asked) > count_agreeing(inquiry, than));
}

/* The newest testimony, of one epoch that which most tell; NULL if nobody has told anything. */
static const struct asked *newest(const struct redis_inquiry *inquiry) {
  const struct asked *best = NULL;
  for (size_t i = 0; i < inquiry->count; i++) {
    const struct asked *asked = &inquiry->asked[i];
    if (has_told(asked) && (!best || is_newer(inquiry, asked, best))) best = asked;
  }
  return best;
}

/* One that tells of another master in the same epoch; NULL if there is none, or more than half of all tell the same. A
 * sentinel whose own failover was not over when the others made the next one, back to the master before, takes up
 * their epoch, then ends its own, and stays with its master until the failover after that. */
static const struct asked *one_who_disagrees(const struct redis_inquiry *inquiry, const struct asked *with) {
  const struct redis_testimony *told = testimony_of(with);
  if (2 * count_agreeing(inquiry, with) > inquiry->count) return NULL;
  for (size_t i = 0; i < inquiry->count; i++) {
    const struct redis_testimony *other = testimony_of(&inquiry->asked[i]);
    if (!has_told(&inquiry->asked[i]) || other->epoch != told->epoch) continue;
    if (!are_one_master(told, other)) return &inquiry->asked[i];
  }
  return NULL;
}

static const char *place_of(const struct asked *asked, struct arena *arena) {
  return redis_address_text(arena, asked->witness.address->host, asked->witness.address->port);
}

static const char *master_of(const struct asked *asked, struct arena *arena) {
  return redis_address_text(arena, testimony_of(asked)->host, testimony_of(asked)->port);
}

/* Nobody has told anything: each one's reason. */
static const char *reasons(const struct redis_inquiry *inquiry, struct arena *arena) {
  const char *text = arena_printf(arena, "no %s tells where the master is", kind_of_witness(inquiry));
  for (size_t i = 0; i < inquiry->count; i++) {
    const struct asked *asked = &inquiry->asked[i];
    const char *reason = *testimony_of(asked)->reason ? testimony_of(asked)->reason : "it takes too long to answer";
    text = arena_printf(arena, "%s%s %s: %s", text, i == 0 ? ":" : ";", place_of(asked, arena), reason);
  }
  return text;
}

static size_t count_told(const struct redis_inquiry *inquiry) {
  size_t told = 0;
  for (size_t i = 0; i < inquiry->count; i++) told += has_told(&inquiry->asked[i]);
  return told;
}

/* Whoever is cut off with the master before would lead us back to it; sentinels that were set up anew are many. */
static bool lags_behind(const struct redis_inquiry *inquiry, const struct asked *best) {
  const struct redis_master_known *known = inquiry->question.known;
  if (!known->told_us || testimony_of(best)->epoch >= known->epoch) return false;
  bool is_recent = clock_monotonic_us() - known->told_us <= DISBELIEF_US;
  return is_recent || 2 * count_told(inquiry) <= inquiry->count;
}

/* Returns why the newest testimony is not believed; NULL if it is. */
static const char *objection(const struct redis_inquiry *inquiry, const struct asked *best, struct arena *arena) {
  if (!best) return reasons(inquiry, arena);
  const struct asked *other = one_who_disagrees(inquiry, best);
  if (other) {
    return arena_printf(arena, "the %ss disagree about the master: %s names %s, %s names %s", kind_of_witness(inquiry),
                        place_of(best, arena), master_of(best, arena), place_of(other, arena), master_of(other, arena));
  }
  if (!lags_behind(inquiry, best)) return NULL;
  return arena_printf(arena, "%s %s has not heard of the last change of the master yet", kind_of_witness(inquiry),
                      place_of(best, arena));
}

static void believe(struct redis_inquiry *inquiry, const struct asked *best) {
  inquiry->question.known->epoch = testimony_of(best)->epoch;
  inquiry->question.known->told_us = clock_monotonic_us();
}

/* Any sentinel that finds enough of the others can begin a failover. */
static bool lacks_quorum(const struct redis_inquiry *inquiry) {
  for (size_t i = 0; i < inquiry->count; i++) {
    if (has_told(&inquiry->asked[i]) && !*testimony_of(&inquiry->asked[i])->doubt) return false;
  }
  return inquiry->question.url->arrangement == REDIS_SENTINEL;
}

/* While the master is there nobody else would notice that nothing would replace it. */
static void log_quorum(struct redis_inquiry *inquiry, const char *doubt) {
  struct redis_master_known *known = inquiry->question.known;
  bool lacks = lacks_quorum(inquiry);
  if (lacks == known->no_quorum) return;
  known->no_quorum = lacks;
  const char *name = inquiry->question.url->master_name;
  if (lacks) {
    log_event(LOG_WARN, "redis would not fail over", "master", name, "reason", doubt, NULL);
  } else {
    log_event(LOG_INFO, "redis would fail over again", "master", name, NULL);
  }
}

/* ---- those who ask ---------------------------------------------------------------------------------------------- */

static void join(struct redis_inquiry *inquiry, struct redis_master_asker *asker) {
  asker->inquiry = inquiry;
  asker->next = inquiry->askers;
  inquiry->askers = asker;
}

static void part(struct redis_master_asker *asker) {
  struct redis_master_asker **at = &asker->inquiry->askers;
  while (*at != asker) at = &(*at)->next;
  *at = asker->next;
  asker->inquiry = NULL;
}

/* Whoever is told may have others forget, or ask anew. */
static void tell_master(struct redis_inquiry *inquiry, const struct redis_testimony *told, const char *doubt) {
  struct redis_master_asker *asker;
  while ((asker = inquiry->askers)) {
    part(asker);
    asker->found(asker->owner, told->host, told->port, doubt);
  }
}

static void tell_reason(struct redis_inquiry *inquiry, const char *reason) {
  struct redis_master_asker *asker;
  while ((asker = inquiry->askers)) {
    part(asker);
    asker->failed(asker->owner, reason);
  }
}

static void decide(struct redis_inquiry *inquiry) {
  struct arena *arena = arena_new();
  const struct asked *best = newest(inquiry);
  const char *reason = objection(inquiry, best, arena);
  inquiry->holds++; /* those who asked are told when nothing else is under way */
  if (reason) {
    end(inquiry);
    tell_reason(inquiry, reason);
  } else {
    struct redis_testimony told = *testimony_of(best);
    believe(inquiry, best);
    log_quorum(inquiry, told.doubt);
    bool doubtful = inquiry->question.url->arrangement == REDIS_CLUSTER || lacks_quorum(inquiry);
    end(inquiry);
    tell_master(inquiry, &told, doubtful ? told.doubt : "");
  }
  release(inquiry);
  arena_free(arena);
}

static void on_limit(uv_timer_t *limit) {
  decide(limit->data);
}

/* The one that made the failover may be the last to answer, so that the others have a moment. */
static void decide_if_enough_is_known(struct redis_inquiry *inquiry) {
  size_t done = 0;
  if (inquiry->decided) return;
  for (size_t i = 0; i < inquiry->count; i++) done += inquiry->asked[i].done;
  if (done == inquiry->count) {
    decide(inquiry);
  } else if (2 * count_told(inquiry) > inquiry->count && !inquiry->enough) {
    inquiry->enough = true;
    uv_timer_start(&inquiry->limit, on_limit, OTHERS_MS, 0);
  }
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

static void try_next_address(struct asked *asked);

static void finish(struct asked *asked) {
  asked->done = true;
  decide_if_enough_is_known(asked->inquiry);
}

static void on_told(void *owner) {
  finish(owner);
}

static void on_connected(void *owner) {
  struct asked *asked = owner;
  redis_witness_ask(&asked->witness, asked->socket);
}

static void on_closed(void *owner, const char *reason) {
  struct asked *asked = owner;
  struct redis_inquiry *inquiry = asked->inquiry;
  asked->socket = NULL;
  if (!inquiry->decided && !asked->done) {
    struct redis_testimony *testimony = &asked->witness.testimony;
    if (*reason) snprintf(testimony->reason, sizeof testimony->reason, "%s", reason);
    try_next_address(asked);
  }
  release(inquiry);
}

static void try_next_address(struct asked *asked) {
  struct redis_socket_events events = {.connected = on_connected, .closed = on_closed, .owner = asked};
  struct redis_testimony *testimony = &asked->witness.testimony;
  asked->socket = redis_dial_next(&asked->dial, &events, testimony->reason, sizeof testimony->reason);
  if (asked->socket) {
    asked->inquiry->holds++;
  } else {
    finish(asked);
  }
}

static void on_resolved(void *owner, const char *reason) {
  struct asked *asked = owner;
  struct redis_inquiry *inquiry = asked->inquiry;
  if (inquiry->decided) {
    release(inquiry);
    return;
  }
  if (reason) {
    struct redis_testimony *testimony = &asked->witness.testimony;
    snprintf(testimony->reason, sizeof testimony->reason, "the name cannot be resolved: %s", reason);
    finish(asked);
  } else {
    try_next_address(asked);
  }
  release(inquiry);
}

static void ask(struct redis_inquiry *inquiry, struct asked *asked, const struct redis_address *address) {
  const struct redis_master_question *question = &inquiry->question;
  asked->inquiry = inquiry;
  asked->witness = (struct redis_witness){.url = question->url,
                                          .address = address,
                                          .user = question->user,
                                          .password = question->password,
                                          .slot = question->slot,
                                          .told = on_told,
                                          .owner = asked};
  asked->dial = (struct redis_dial){.loop = question->loop,
                                    .host = address->host,
                                    .port = address->port,
                                    .tls = question->tls,
                                    .resolved = on_resolved,
                                    .owner = asked};
  const char *reason = redis_dial_start(&asked->dial);
  if (!reason) {
    inquiry->holds++;
    return;
  }
  snprintf(asked->witness.testimony.reason, sizeof asked->witness.testimony.reason, "%s", reason);
  asked->done = true; /* the limit decides if it is so with all of them */
}

static bool asks_the_same(const struct redis_master_question *question, const struct redis_master_question *other) {
  return redis_url_equals(question->url, other->url) && redis_texts_equal(question->user, other->user) &&
         redis_texts_equal(question->password, other->password) && question->tls == other->tls &&
         question->slot == other->slot;
}

static struct redis_master_question copy_of(struct arena *arena, const struct redis_master_question *question) {
  struct redis_master_question copy = *question;
  copy.url = redis_url_copy(arena, question->url);
  copy.user = arena_strdup(arena, question->user);
  copy.password = arena_strdup(arena, question->password);
  return copy;
}

static struct redis_inquiry *begin(const struct redis_master_question *question) {
  size_t count = question->url->address_count;
  struct redis_inquiry *inquiry = memory_calloc(1, sizeof *inquiry + count * sizeof inquiry->asked[0]);
  inquiry->arena = arena_new();
  inquiry->question = copy_of(inquiry->arena, question);
  inquiry->count = count;
  inquiry->holds = 1; /* the limit */
  uv_timer_init(loop_uv(question->loop), &inquiry->limit);
  inquiry->limit.data = inquiry;
  uv_timer_start(&inquiry->limit, on_limit, ASK_MS, 0);
  for (size_t i = 0; i < count; i++) ask(inquiry, &inquiry->asked[i], &inquiry->question.url->addresses[i]);
  return inquiry;
}

void redis_master_ask(struct redis_master_asker *asker, const struct redis_master_question *question) {
  struct redis_master_known *known = question->known;
  if (!known->inquiry || !asks_the_same(&known->inquiry->question, question)) known->inquiry = begin(question);
  join(known->inquiry, asker);
}

void redis_master_forget(struct redis_master_asker *asker) {
  struct redis_inquiry *inquiry = asker->inquiry;
  if (!inquiry) return;
  part(asker);
  if (!inquiry->askers && !inquiry->decided) end(inquiry);
}
