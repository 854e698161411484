/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/events/type_search.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "client/event_client.h"
#include "client/reflection_client.h"
#include "message/message_types.h"

enum { MISSED_MAX = 500, ASK_US = 1000000, AGAIN_US = 10000000 };

/* An entity that nobody has had. */
struct missed {
  const char *name;
  int64_t again_us; /* not to be looked for before */
};

struct service_asked {
  int64_t again_us; /* not to be asked before; 0: now */
  bool told;        /* why it could not be asked */
};

struct type_search {
  struct arena *arena; /* of names and problems */
  struct entity_types *types;
  struct missed missed[MISSED_MAX];
  size_t missed_count;
  struct ordershop_client *client;
  struct service_asked *services; /* the client's */
  int64_t stored_again_us;        /* the event service is not to be asked for stored types before */
  const char *problem;
};

struct type_search *type_search_new(struct ordershop_client *client, struct entity_types *types) {
  struct type_search *search = memory_calloc(1, sizeof(*search));
  search->arena = arena_new();
  search->types = types;
  search->client = client;
  search->services = arena_calloc(search->arena, ordershop_client_service_count(client), sizeof(*search->services));
  return search;
}

void type_search_free(struct type_search *search) {
  arena_free(search->arena);
  free(search);
}

static struct status ask_service(struct type_search *search, struct arena *arena, enum ordershop_service service) {
  struct context context = {.arena = arena, .deadline_us = clock_monotonic_us() + ASK_US};
  const void *set;
  size_t size;
  struct status status =
      ordershop_get_descriptor_set(search->client, &context, service, MESSAGE_TYPES_SET_MAX, &set, &size);
  return status_is_ok(status) ? entity_types_add(search->types, arena, set, size) : status;
}

void type_search_take_stored(struct type_search *search) {
  struct arena *arena = arena_new();
  const struct context context = {.arena = arena, .deadline_us = clock_monotonic_us() + ASK_US};
  Ordershop__V1__ListStreamsRequest request = ORDERSHOP__V1__LIST_STREAMS_REQUEST__INIT;
  request.types = true;
  const Ordershop__V1__ListStreamsResponse *response;
  struct status status = ordershop_list_streams(search->client, &context, &request, &response);
  search->stored_again_us = clock_monotonic_us() + AGAIN_US;
  for (size_t i = 0; status_is_ok(status) && i < response->n_types; i++) {
    const Ordershop__V1__EntityType *type = response->types[i];
    if (entity_types_find(search->types, type->entity_type)) continue;
    (void)entity_types_add(search->types, arena, type->descriptor_set.data, type->descriptor_set.len);
  }
  arena_free(arena);
}

static void take_note(struct type_search *search, enum ordershop_service service, struct status status) {
  struct service_asked *asked = &search->services[service];
  if (status_is_ok(status)) return;
  asked->again_us = clock_monotonic_us() + AGAIN_US;
  if (service < ORDERSHOP_SERVICE_COUNT || asked->told) return;
  asked->told = true;
  const char *name = ordershop_client_service_name(search->client, service);
  search->problem = arena_printf(search->arena, "%s can't be asked for its types: %s", name, status.message);
}

/* The user's own services come behind those of the shop. */
static void ask_services(struct type_search *search, const char *entity) {
  struct arena *arena = arena_new();
  for (size_t i = ordershop_client_service_count(search->client);
       i-- > 0 && !entity_types_find(search->types, entity);) {
    enum ordershop_service service = (enum ordershop_service)i;
    if (search->services[service].again_us > clock_monotonic_us()) continue;
    take_note(search, service, ask_service(search, arena, service));
    arena_reset(arena);
  }
  arena_free(arena);
}

/* Whether it is time to look for an entity that is not known; it is taken for missed until it is found. */
static bool search_is_due(struct type_search *search, const char *entity) {
  int64_t now_us = clock_monotonic_us();
  struct missed *missed = search->missed, *end = missed + search->missed_count;
  while (missed < end && strcmp(missed->name, entity) != 0) missed++;
  if (missed == end) {
    if (search->missed_count == MISSED_MAX) return false;
    *missed = (struct missed){.name = arena_strdup(search->arena, entity)};
    search->missed_count++;
  }
  if (missed->again_us > now_us) return false;
  missed->again_us = now_us + AGAIN_US;
  return true;
}

const ProtobufCMessageDescriptor *type_search_find(struct type_search *search, const char *entity,
                                                   const char **ret_problem) {
  const ProtobufCMessageDescriptor *known = entity_types_find(search->types, entity);
  search->problem = NULL;
  if (!known && search_is_due(search, entity)) {
    if (search->stored_again_us <= clock_monotonic_us()) type_search_take_stored(search);
    ask_services(search, entity);
    known = entity_types_find(search->types, entity);
  }
  *ret_problem = search->problem;
  return known;
}
