/* SPDX-License-Identifier: Apache-2.0 */
/* Newest states: what the commands of this process have last sent of things that many of them change at once.
 *
 * A command decides on the state of a thing (the value of a key, or of a hash's field) as it was read; or, while others
 * are under way, as the last of them leaves it, at once and without their answers; or, if nobody has used it since, as
 * the last one has left it. Its transaction requires that exactly this is stored when it is carried out
 * (tests/model/stock_commit.py), so a state that never came to be, or that another process has changed, costs a second
 * try and nothing else. A refusal forgets what the command used and
 * sent; it then tries again alone, in the order in which commands were refused, and those that use the same things wait
 * behind it; once one of them is through, all go on at once, building on each other.
 *
 * Commands of several processes that change the same things are all served: while one process goes on without a break,
 * the others are refused again and again, so every 100 ms it lets what is under way end, forgets all, and begins by
 * reading, as they do. States that no command uses are kept, the latest 1024 of at most 1 KiB; when one of them turns
 * out not to be stored any more, all are dropped, and for a second none are kept, since other processes are changing
 * things. Threads: the loop's.
 *
 *   struct newest_command command = newest_command_of(states, context->deadline_us);
 *   do {
 *     if (!newest_begin(&command)) ...;               the deadline is over
 *     use = newest_use(&command, name);
 *     while (!newest_find(use, &state)) newest_take(use, what is read);
 *     if (!newest_may_send(&command)) continue;       no yield since the states were found
 *     newest_change(use, ...), newest_send(&command);
 *     transaction_run(...);
 *     newest_answered(&command, outcome);
 *   } while (it was refused, or might not send);
 *   newest_end(&command);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "loop/coroutine.h"
#include "loop/keyed_lock.h"

struct newest_states;

/* Lives as long as the arena; it must outlive all commands. */
struct newest_states *newest_states_new(struct arena *arena);

/* To be called before the arena is freed: drops what is kept, and keeps nothing any more. */
void newest_states_stop(struct newest_states *states);

/* How many things commands use, and of how many that nobody uses the state is kept. */
size_t newest_states_used(const struct newest_states *states);
size_t newest_states_kept(const struct newest_states *states);

/* What a command uses. */
struct newest_use;

/* A command, on the stack of its coroutine. */
struct newest_command {
  struct newest_states *states;
  int64_t deadline_us;     /* clock_monotonic_us */
  struct newest_use *uses; /* of the present try; the command's */
  bool refused;            /* it tries again */
  bool waits;              /* it is to get in the line of those that try again */
  bool in_line;            /* it has its turn there */
  struct keyed_lock_holder turn;
};

struct newest_command newest_command_of(struct newest_states *states, int64_t deadline_us);

/* Begins a try; yields where others are to go first. Returns false if the deadline came first. */
coroutine_fn bool newest_begin(struct newest_command *command);

/* Returns whether it is refusals that make the command wait, its own or those of others. */
bool newest_is_contended(const struct newest_command *command);

struct newest_state {
  const void *bytes; /* NULL means that nothing is stored */
  size_t size;
};

/* Says that this try uses the thing that `name` names; once for each. Valid until the next newest_begin or
 * newest_end. */
struct newest_use *newest_use(struct newest_command *command, const char *name);

/* Finds the newest state. Returns false if it is not known: then it is to be read, and told by newest_take. The bytes
 * are valid until the next yield. */
bool newest_find(struct newest_use *use, struct newest_state *ret_state);

/* Takes what was read after newest_find for what is stored, unless something newer is known, or was forgotten, since:
 * newest_find tells. The bytes are copied. */
void newest_take(struct newest_use *use, struct newest_state state);

/* Returns whether a state that the command has found was kept while nobody used it. */
bool newest_has_kept(const struct newest_command *command);

/* Returns false if others try to change again what the command uses: it is to begin anew, behind them. */
bool newest_may_send(struct newest_command *command);

/* Says what the command's transaction will make of a thing that it has found; copied. */
void newest_change(struct newest_use *use, struct newest_state state);

/* Says that the transaction will be run now. */
void newest_send(struct newest_command *command);

enum newest_outcome {
  NEWEST_DONE,
  NEWEST_REFUSED, /* something was not stored as it was found: the command tries again */
  NEWEST_GIVEN_UP /* it was refused for another reason, or it is not known whether it was carried out */
};
void newest_answered(struct newest_command *command, enum newest_outcome outcome);

/* Ends the command: others have their turn. */
void newest_end(struct newest_command *command);
