/* SPDX-License-Identifier: Apache-2.0 */
/* Redis master: asks which server holds our keys for writing now; for this folder only.
 *
 * It is asked before every connection to a Redis behind sentinels or in a cluster. All that the URL names are asked at
 * once (redis_witness.h); it ends when all have told or failed, 50 ms after more than half have told, or after a
 * second. Connections of a process that ask the same while an inquiry is under way share its answer: at a failover all
 * of them ask. Whoever asks after an answer asks anew. What they tell is ordered by its epoch: a sentinel or node that
 * has not heard of a failover yet tells of the master before, and so would lead connections back and forth. The highest
 * epoch is believed; a lower one than the process has acted on before is not, until nobody has told that one for ten
 * seconds and more than half tell the lower one (sentinels that were set up anew begin at 0). Of one epoch there must
 * be one master, or one that more than half of all that the URL names tell.
 *
 * Whoever is told still looks whether the server is a master (redis_greeting.h): a witness may lie. Threads: the
 * loop's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loop/loop.h"
#include "redis/redis_url.h"
#include "redis/redis_witness.h"

struct redis_inquiry;

/* What the connections of a process know in common; zero-initialised in the beginning. */
struct redis_master_known {
  int64_t epoch;                 /* the highest that was told */
  int64_t told_us;               /* the last time that it was (clock_monotonic_us); 0 means never */
  bool no_quorum;                /* and the log has said so */
  struct redis_inquiry *inquiry; /* the one under way that was begun last; NULL if there is none */
};

struct redis_master_question {
  struct loop *loop;
  const struct redis_url *url;
  const char *user, *password; /* with which the witnesses are asked; NULL if there is none */
  struct tls_client *tls;      /* NULL: plain text */
  int slot;                    /* of our keys in a cluster */
  struct redis_master_known *known;
};

/* Who waits for an answer; its owner embeds it. */
struct redis_master_asker {
  /* Set by the owner. One of the two comes, on the loop's stack, once and not within redis_master_ask. `doubt` is why
   * the sentinels or the cluster would not replace the master if it is away; "" if there is no reason. */
  void (*found)(void *owner, const char *host, int port, const char *doubt);
  void (*failed)(void *owner, const char *reason);
  void *owner;

  /* Its own. */
  struct redis_inquiry *inquiry; /* NULL unless it waits */
  struct redis_master_asker *next;
};

/* `asker` must live until the answer comes, or redis_master_forget. `question` is copied with its texts; `tls` must
 * live as long as the asker, `known` as long as all who ask with it. */
void redis_master_ask(struct redis_master_asker *asker, const struct redis_master_question *question);

/* No answer comes to this one any more; others that wait get theirs. No effect if it does not wait. */
void redis_master_forget(struct redis_master_asker *asker);
