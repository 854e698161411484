/* SPDX-License-Identifier: Apache-2.0 */
#include "archive_block.h"

#include <string.h>
#include <zstd.h>

#include "base/memory.h"
#include "base/message.h"

enum {
  UNPACKED_MAX = 1 << 30, /* bytes; a block that says that it has more is damaged */
};

/* ---- packing ---------------------------------------------------------------------------------------------------- */

static Ordershop__V1__ArchiveEntry *entry_message(struct arena *arena, const struct redis_reply *entry) {
  const struct redis_reply *fields = redis_reply_at(entry, 1);
  size_t count = fields ? fields->count : 0;
  Ordershop__V1__ArchiveEntry *message = arena_alloc(arena, sizeof *message);
  ordershop__v1__archive_entry__init(message);
  message->id = (char *)redis_reply_text(redis_reply_at(entry, 0));
  message->n_fields = count;
  message->fields = arena_calloc(arena, count + 1, sizeof *message->fields);
  for (size_t i = 0; i < count; i++) {
    const struct redis_reply *field = fields->elements[i];
    message->fields[i] = (ProtobufCBinaryData){.len = field->size, .data = (uint8_t *)field->text};
  }
  return message;
}

static void *compress(struct arena *arena, const void *bytes, size_t size, size_t *ret_size) {
  size_t room = ZSTD_compressBound(size);
  void *compressed = arena_alloc(arena, room);
  ZSTD_CCtx *context = ZSTD_createCCtx();
  if (!context) memory_exhausted(size);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  *ret_size = ZSTD_compress2(context, compressed, room, bytes, size);
  if (ZSTD_isError(*ret_size)) memory_exhausted(size); /* with enough room nothing else can fail */
  ZSTD_freeCCtx(context);
  return compressed;
}

void *archive_block_pack(struct arena *arena, const struct redis_reply *const *entries, size_t count,
                         size_t *ret_size) {
  Ordershop__V1__ArchiveBlock block = ORDERSHOP__V1__ARCHIVE_BLOCK__INIT;
  block.n_entries = count;
  block.entries = arena_calloc(arena, count + 1, sizeof *block.entries);
  for (size_t i = 0; i < count; i++) block.entries[i] = entry_message(arena, entries[i]);
  size_t size;
  const void *bytes = message_pack(arena, &block, &size);
  return compress(arena, bytes, size, ret_size);
}

/* ---- unpacking -------------------------------------------------------------------------------------------------- */

const Ordershop__V1__ArchiveBlock *archive_block_unpack(struct arena *arena, const void *bytes, size_t size) {
  unsigned long long unpacked = ZSTD_getFrameContentSize(bytes, size);
  if (unpacked == ZSTD_CONTENTSIZE_ERROR || unpacked == ZSTD_CONTENTSIZE_UNKNOWN || unpacked > UNPACKED_MAX) {
    return NULL;
  }
  void *block = arena_alloc(arena, (size_t)unpacked);
  size_t done = ZSTD_decompress(block, (size_t)unpacked, bytes, size);
  if (ZSTD_isError(done) || done != unpacked) return NULL;
  return message_unpack(arena, &ordershop__v1__archive_block__descriptor, block, done);
}

static const struct redis_reply *text_reply(struct arena *arena, const void *bytes, size_t size) {
  struct redis_reply *reply = arena_calloc(arena, 1, sizeof *reply);
  *reply = (struct redis_reply){.type = REDIS_TEXT, .text = arena_memdup(arena, bytes, size), .size = size};
  return reply;
}

static struct redis_reply *list_reply(struct arena *arena, size_t count) {
  struct redis_reply *reply = arena_calloc(arena, 1, sizeof *reply);
  *reply = (struct redis_reply){.type = REDIS_LIST, .count = count};
  reply->elements = arena_calloc(arena, count + 1, sizeof(*reply->elements));
  return reply;
}

const struct redis_reply *archive_entry_reply(struct arena *arena, const Ordershop__V1__ArchiveEntry *entry) {
  struct redis_reply *fields = list_reply(arena, entry->n_fields), *reply = list_reply(arena, 2);
  for (size_t i = 0; i < entry->n_fields; i++) {
    fields->elements[i] = text_reply(arena, entry->fields[i].data, entry->fields[i].len);
  }
  reply->elements[0] = text_reply(arena, entry->id, strlen(entry->id));
  reply->elements[1] = fields;
  return reply;
}
