/* SPDX-License-Identifier: Apache-2.0 */
/* The drain of dead letters: handles those that an operator wants to be retried (dead_letter_repair.h), key by key,
 * each key's in log order.
 *
 * Each dead letter is handled alone and taken off in the commit of its effects, which requires that it still is the
 * first of its list and that this replica still is the leader: so it has its effects once, whoever dies or skips it
 * meanwhile. One that can't be handled ends the retry of its key, which stays held. When none is left the key is free;
 * later events of it, which the consumer has put behind the others until then, are handled by the drain, too. Messages
 * of the outbox are put back into it, at its end. */
#pragma once

#include "consumer/batch.h"
#include "loop/coroutine.h"

/* Drains for at most a tenth of a second, or as long as one dead letter takes; there must be a retry
 * (dead_letters_next_retry), and there still is one if that was not enough. An error is one of batch_handle, and ends
 * the term; what is to be retried waits. Yields. */
coroutine_fn struct status dead_letters_drain(const struct batch_parts *parts, struct arena *arena);
