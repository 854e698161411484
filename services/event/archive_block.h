/* SPDX-License-Identifier: Apache-2.0 */
/* Archive block: entries of one stream as the archive holds them: an ArchiveBlock (proto/ordershop/v1/archive.proto),
 * compressed by Zstandard, whose checksum it has. Any thread. */
#pragma once

#include <ordershop/v1/archive.pb-c.h>
#include <stddef.h>

#include "base/arena.h"
#include "redis/redis_reply.h"

/* Packs elements of XRANGE's answer; the result lives in the arena. */
void *archive_block_pack(struct arena *arena, const struct redis_reply *const *entries, size_t count, size_t *ret_size);

/* Unpacks such a block into the arena. Returns NULL if it is damaged. */
const Ordershop__V1__ArchiveBlock *archive_block_unpack(struct arena *arena, const void *bytes, size_t size);

/* Returns a copy of the entry in `arena`, as XRANGE tells it. */
const struct redis_reply *archive_entry_reply(struct arena *arena, const Ordershop__V1__ArchiveEntry *entry);
