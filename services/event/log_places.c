/* SPDX-License-Identifier: Apache-2.0 */
#include "log_places.h"

#include <string.h>

#include "service/service.h"
#include "shop_services.h"
#include "store/log_clock.h"

const char *const log_places_owners[] = {SHOP_OWNERS, NULL};

/* NULL: it belongs to a service that is not on the shop's list. */
static const char *owner_of(const char *entity) {
  static const struct { const char *entity, *owner; } rows[] = {SHOP_ENTITIES};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (strcmp(rows[i].entity, entity) == 0) return rows[i].owner;
  }
  return NULL;
}

static size_t number_of(const struct log_places *places, const struct event_store *store) {
  size_t number = 0;
  while (number < places->count && places->stores[number] != store) number++;
  return number;
}

struct log_places log_places_of(const struct service *service) {
  struct log_places places = {.service = service, .stores = {service->store}, .count = 1};
  for (size_t i = 0; i < service->owner_count; i++) {
    struct event_store *store = service->owners[i].store;
    if (number_of(&places, store) == places.count) places.stores[places.count++] = store;
  }
  return places;
}

void log_places_contexts(const struct log_places *places, const struct context *context,
                         struct context ret_contexts[LOG_PLACES_MAX]) {
  for (size_t i = 0; i < places->count; i++) {
    ret_contexts[i] = *context;
    if (places->count > 1) ret_contexts[i].redis_era = redis_server_era(places->stores[i]->server);
  }
}

coroutine_fn struct status log_places_read_clocks(const struct log_places *places, struct context *contexts,
                                                  struct position ret_ends[LOG_PLACES_MAX]) {
  struct redis_pending *asked[LOG_PLACES_MAX];
  struct status result = status_ok();
  for (size_t i = 0; i < places->count; i++) {
    asked[i] = clock_ask(places->stores[i], places->stores[i]->commands, &contexts[i]);
  }
  for (size_t i = 0; i < places->count; i++) {
    struct status status = clock_told(places->stores[i], asked[i], &ret_ends[i]);
    if (status_is_ok(result)) result = status;
  }
  return result;
}

size_t log_places_of_service(const struct log_places *places, const char *name) {
  return number_of(places, service_store_of(places->service, name));
}

bool log_places_is_of_shop(const char *entity) {
  return owner_of(entity) != NULL;
}

size_t log_places_of_entity(const struct log_places *places, const char *entity) {
  const char *owner = owner_of(entity);
  return owner ? log_places_of_service(places, owner) : 0;
}
