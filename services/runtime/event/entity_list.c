/* entity_list: pages over a sorted set of ids (AIP-158). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/uuid.h"
#include "event/entity_store.h"

enum { PAGE_SIZE_DEFAULT = 50, PAGE_SIZE_MOST = 1000, PAGE_CHUNK = 100 };
static const size_t PAGE_BYTES = 1 << 20;

/* A token is a tag of the scope and the log time of the last entity of the page before. */
enum { SCOPE_TAG_SIZE = 13 };

static const char *scope_tag(struct arena *arena, const char *scope) {
  return arena_memdup(arena, uuid_derive_text(arena, "page", scope), SCOPE_TAG_SIZE);
}

static const char *page_token(struct arena *arena, const char *scope, int64_t last) {
  return arena_printf(arena, "%s.%" PRIx64, scope_tag(arena, scope), last);
}

static struct status parse_page_token(struct arena *arena, const char *scope, const char *token, int64_t *ret_last) {
  if (!*token) {
    *ret_last = 0;
    return status_ok();
  }
  const char *tag = scope_tag(arena, scope);
  size_t digits = strlen(token) > SCOPE_TAG_SIZE ? strspn(token + SCOPE_TAG_SIZE + 1, "0123456789abcdef") : 0;
  bool ours = strncmp(token, tag, SCOPE_TAG_SIZE) == 0 && token[SCOPE_TAG_SIZE] == '.' && digits > 0 && digits < 16 &&
              !token[SCOPE_TAG_SIZE + 1 + digits];
  if (!ours) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, "PAGE_TOKEN_INVALID",
                        "page_token is not one that this method gave for this filter");
  }
  *ret_last = strtoll(token + SCOPE_TAG_SIZE + 1, NULL, 16);
  return status_ok();
}

struct listing {
  struct event_store *store;
  struct context *context;
  const struct entity_type *type;
  const char *index_key;
  size_t wanted;
  size_t bytes;
  int64_t last;  /* log time of creation of the last id looked at */
  bool complete; /* nothing is behind it */
};

/* Reads the next ids and their scores. */
static struct status next_ids(struct listing *listing, size_t count, const char **ret_ids, int64_t *ret_scores,
                              size_t *ret_count) {
  struct arena *arena = listing->context->arena;
  struct redis_arguments range =
      redis_command_of(arena, "ZRANGEBYSCORE", listing->index_key, arena_printf(arena, "(%" PRId64, listing->last),
                       "+inf", "WITHSCORES", "LIMIT", "0", arena_printf(arena, "%zu", count), NULL);
  const struct redis_reply *reply;
  struct status status = redis_command(listing->store->reads, listing->context, &range, &reply);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i + 1 < reply->count; i += 2) {
    ret_ids[i / 2] = reply->elements[i]->text;
    ret_scores[i / 2] = redis_reply_number(reply->elements[i + 1], 0);
  }
  *ret_count = reply->count / 2;
  return status_ok();
}

/* Adds the entities of one chunk of ids; those deleted since the ids were read are left out. */
static struct status add_chunk(struct listing *listing, struct entity_page *page) {
  const char *ids[PAGE_CHUNK];
  int64_t scores[PAGE_CHUNK];
  void *entities[PAGE_CHUNK];
  size_t count, wanted = listing->wanted - page->count;
  if (wanted > PAGE_CHUNK) wanted = PAGE_CHUNK;
  struct status status = next_ids(listing, wanted, ids, scores, &count);
  if (!status_is_ok(status)) return status;
  status = entity_load_many(listing->store, listing->context, listing->type, ids, count, entities);
  if (!status_is_ok(status)) return status;
  for (size_t i = 0; i < count && listing->bytes < PAGE_BYTES; i++) {
    listing->last = scores[i];
    if (!entities[i]) continue;
    page->entities[page->count++] = entities[i];
    listing->bytes += protobuf_c_message_get_packed_size(entities[i]);
  }
  listing->complete = count < wanted && listing->bytes < PAGE_BYTES;
  return status_ok();
}

/* Tells whether anything is behind the page, so that a last page has no token. */
static struct status look_behind(struct listing *listing) {
  const char *id;
  int64_t score;
  size_t count;
  struct status status = next_ids(listing, 1, &id, &score, &count);
  if (status_is_ok(status)) listing->complete = count == 0;
  return status;
}

struct status entity_list(struct event_store *store, struct context *context, const struct entity_type *type,
                          const char *index_key, const char *scope, int32_t page_size, const char *token,
                          struct entity_page *ret_page) {
  struct arena *arena = context->arena;
  struct listing listing = {.store = store, .context = context, .type = type, .index_key = index_key};
  listing.wanted = page_size == 0 ? PAGE_SIZE_DEFAULT : page_size > PAGE_SIZE_MOST ? PAGE_SIZE_MOST : (size_t)page_size;
  struct status status = parse_page_token(arena, scope, token, &listing.last);
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
  if (!listing.complete) page.next_page_token = page_token(arena, scope, listing.last);
  *ret_page = page;
  return status_ok();
}
