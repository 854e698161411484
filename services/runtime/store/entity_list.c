/* SPDX-License-Identifier: Apache-2.0 */
/* entity_list: pages over entities in their order of creation (AIP-158). */
#include <inttypes.h>
#include <string.h>

#include "base/message.h"
#include "store/entity_store.h"
#include "store/page_token.h"

enum { PAGE_SIZE_DEFAULT = 50, PAGE_SIZE_MAX = 1000, PAGE_CHUNK = 100 };
static const size_t PAGE_BYTES = 1 << 20;

struct listing {
  struct event_store *store;
  struct context *context;
  const struct entity_type *type;
  const char *index_key; /* NULL means the stream of creations */
  size_t wanted;
  size_t bytes;
  int64_t last;  /* log time of creation of the last entity looked at */
  bool complete; /* nothing is behind it */
};

/* An entity of a page. */
struct listed {
  int64_t created; /* log time */
  const char *id;
  void *entity; /* NULL means not loaded yet, or deleted since the ids were read */
};

/* The next ids of the sorted set. */
static coroutine_fn struct status next_of_set(struct listing *listing, size_t count, struct listed *listed,
                                              size_t *ret_count) {
  struct arena *arena = listing->context->arena;
  struct redis_arguments range =
      redis_command_of(arena, "ZRANGEBYSCORE", listing->index_key, arena_printf(arena, "(%" PRId64, listing->last),
                       "+inf", "WITHSCORES", "LIMIT", "0", arena_printf(arena, "%zu", count), NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(listing->store->reads, listing->context, &range, &reply);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i + 1 < reply->count; i += 2) {
    listed[i / 2] =
        (struct listed){.id = reply->elements[i]->text, .created = redis_reply_number(reply->elements[i + 1], 0)};
  }
  *ret_count = reply->count / 2;
  return status_ok();
}

/* The next entities as they were created. */
static coroutine_fn struct status next_of_stream(struct listing *listing, size_t count, struct listed *listed,
                                                 size_t *ret_count) {
  struct arena *arena = listing->context->arena;
  const char *stream = entity_created_stream(arena, listing->type);
  struct redis_arguments range = redis_command_of(arena, "XRANGE", event_stream_key(listing->store, arena, stream),
                                                  arena_printf(arena, "(%s", log_time_text(arena, listing->last)), "+",
                                                  "COUNT", arena_printf(arena, "%zu", count), NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(listing->store->reads, listing->context, &range, &reply);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i < reply->count; i++) {
    struct event event;
    status = event_decode(arena, stream, listing->type->descriptor, reply->elements[i], &event);
    if (!status_is_ok(status)) return status;
    listed[i] = (struct listed){.id = message_text(event.entity, "id"), .created = event.log_time};
    if (listing->type->life == ENTITY_FINAL) listed[i].entity = (void *)event.entity;
  }
  *ret_count = reply->count;
  return status_ok();
}

static coroutine_fn struct status next_listed(struct listing *listing, size_t count, struct listed *listed,
                                              size_t *ret_count) {
  if (listing->index_key) return next_of_set(listing, count, listed, ret_count);
  return next_of_stream(listing, count, listed, ret_count);
}

/* The created events at the log times that an index told. */
static coroutine_fn struct status load_events(struct listing *listing, struct listed *listed, size_t count) {
  struct arena *arena = listing->context->arena;
  const char *stream = entity_created_stream(arena, listing->type);
  const char *key = event_stream_key(listing->store, arena, stream);
  struct redis_pending *pending[PAGE_CHUNK];
  for (size_t i = 0; i < count; i++) {
    const char *id = log_time_text(arena, listed[i].created);
    struct redis_arguments range = redis_command_of(arena, "XRANGE", key, id, id, NULL);
    pending[i] = redis_send(listing->store->reads, listing->context, &range);
  }
  struct status result = status_ok();
  for (size_t i = 0; i < count; i++) {
    const struct redis_reply *reply;
    struct event event;
    struct status status = redis_receive(pending[i], &reply);
    if (!status_is_ok(result)) continue;
    result = status;
    if (!status_is_ok(status) || reply->count == 0) continue;
    result = event_decode(arena, stream, listing->type->descriptor, reply->elements[0], &event);
    listed[i].entity = (void *)event.entity;
  }
  return result;
}

static coroutine_fn struct status load_hashes(struct listing *listing, struct listed *listed, size_t count) {
  const char *ids[PAGE_CHUNK];
  void *entities[PAGE_CHUNK];
  for (size_t i = 0; i < count; i++) ids[i] = listed[i].id;
  struct status status = entity_load_many(listing->store, listing->context, listing->type, ids, count, entities);
  for (size_t i = 0; status_is_ok(status) && i < count; i++) listed[i].entity = entities[i];
  return status;
}

static coroutine_fn struct status load_listed(struct listing *listing, struct listed *listed, size_t count) {
  if (count == 0 || listed[0].entity) return status_ok();
  if (listing->type->life == ENTITY_FINAL) return load_events(listing, listed, count);
  return load_hashes(listing, listed, count);
}

/* Adds the next entities; those deleted since their ids were read are left out. */
static coroutine_fn struct status add_chunk(struct listing *listing, struct entity_page *page) {
  struct listed listed[PAGE_CHUNK] = {0};
  size_t count, wanted = listing->wanted - page->count;
  if (wanted > PAGE_CHUNK) wanted = PAGE_CHUNK;
  struct status status = next_listed(listing, wanted, listed, &count);
  if (status_is_ok(status)) status = load_listed(listing, listed, count);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i < count && listing->bytes < PAGE_BYTES; i++) {
    listing->last = listed[i].created;
    if (!listed[i].entity) continue;
    page->entities[page->count++] = listed[i].entity;
    listing->bytes += protobuf_c_message_get_packed_size(listed[i].entity);
  }
  listing->complete = count < wanted && listing->bytes < PAGE_BYTES;
  return status_ok();
}

/* Tells whether anything comes after the page, so that a last page has no token. */
static coroutine_fn struct status look_behind(struct listing *listing) {
  struct listed next;
  size_t count;
  struct status status = next_listed(listing, 1, &next, &count);
  if (status_is_ok(status)) listing->complete = count == 0;
  return status;
}

coroutine_fn struct status entity_list(struct event_store *store, struct context *context,
                                       const struct entity_type *type, const char *index_key, const char *scope,
                                       int32_t page_size, const char *token, struct entity_page *ret_page) {
  struct arena *arena = context->arena;
  if (!index_key && type->life == ENTITY_CHANGES) index_key = entity_creation_key(store, arena, type);
  struct listing listing = {.store = store, .context = context, .type = type, .index_key = index_key};
  listing.wanted = page_size == 0 ? PAGE_SIZE_DEFAULT : page_size > PAGE_SIZE_MAX ? PAGE_SIZE_MAX : (size_t)page_size;
  struct status status = page_token_parse(arena, scope, token, &listing.last);
  if (!status_is_ok(status)) return status;

  struct entity_page page = {.entities = arena_calloc(arena, listing.wanted, sizeof(void *)), .next_page_token = ""};
  while (page.count < listing.wanted && listing.bytes < PAGE_BYTES && !listing.complete) {
    status = add_chunk(&listing, &page);
    if (!status_is_ok(status)) return status;
  }
  if (!listing.complete) {
    status = look_behind(&listing);
    if (!status_is_ok(status)) return status;
  }
  if (!listing.complete) page.next_page_token = page_token_make(arena, scope, listing.last);
  *ret_page = page;
  return status_ok();
}
