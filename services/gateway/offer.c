/* SPDX-License-Identifier: Apache-2.0 */
#include "offer.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "gateway.h"
#include "openapi.h"
#include "own_contract.h"
#include "shop.h"

static struct offer *offer_new(void) {
  struct offer *offer = memory_calloc(1, sizeof *offer);
  offer->holders = 1;
  offer->arena = arena_new();
  offer->contract = contract_new(offer->arena);
  return offer;
}

struct offer *offer_hold(struct offer *offer) {
  offer->holders++;
  return offer;
}

void offer_release(struct offer *offer) {
  if (--offer->holders > 0) return;
  arena_free(offer->arena);
  free(offer);
}

static struct status add_shop(const struct gateway *gateway, struct offer *offer) {
  struct contract_part part = {0};
  struct status status =
      message_types_new(offer->arena, ordershop_descriptor_set, ordershop_descriptor_set_size, &part.types);
  for (size_t i = 0; i < gateway->settings.peer_count && status_is_ok(status); i++) {
    part.file = arena_printf(offer->arena, "ordershop/v1/%s.proto", gateway->settings.peers[i].name);
    part.channel = gateway->channels[i];
    status = contract_add(offer->contract, &part);
  }
  static const char *const every_servers[] = {"ordershop/v1/status.proto", "ordershop/v1/dead_letter.proto",
                                              "ordershop/v1/log.proto", "ordershop/v1/view.proto",
                                              "ordershop/v1/archive.proto"};
  for (size_t i = 0; i < sizeof every_servers / sizeof *every_servers && status_is_ok(status); i++) {
    status = contract_add(offer->contract, &(struct contract_part){.types = part.types, .file = every_servers[i]});
  }
  return status;
}

static struct status add_own(struct offer *offer, const struct own_contract *own) {
  struct contract_part part = {.services = own->services, .channel = own->channel};
  struct status status = message_types_new(offer->arena, own->set, own->size, &part.types);
  return status_is_ok(status) ? contract_add(offer->contract, &part) : status;
}

/* The log says it once of each contract. */
static void refuse(struct own_contract *own, struct status status) {
  own->unfit = true;
  if (own->unfit_told) return;
  own->unfit_told = true;
  log_event(LOG_WARN, "a service's contract is not offered", "service", own->name, "reason", status.message, NULL);
}

/* Returns the first own contract that doesn't fit, or NULL. What has been added of it stays: the offer is of no use. */
static struct own_contract *add_own_contracts(const struct gateway *gateway, struct offer *offer) {
  struct own_contract *own;
  for (size_t i = 0; (own = own_contract_at(gateway->own_contracts, i)); i++) {
    if (!own->set || own->unfit) continue;
    struct status status = add_own(offer, own);
    if (status_is_ok(status)) continue;
    refuse(own, status);
    return own;
  }
  return NULL;
}

struct status offer_make(struct gateway *gateway, struct offer **ret_offer) {
  struct own_contract *own;
  for (size_t i = 0; (own = own_contract_at(gateway->own_contracts, i)); i++) own->unfit = false;
  while (true) {
    struct offer *offer = offer_new();
    struct status status = status_copy(add_shop(gateway, offer), gateway->arena);
    own = status_is_ok(status) ? add_own_contracts(gateway, offer) : NULL;
    if (status_is_ok(status) && !own) {
      offer->openapi = openapi_document(offer->arena, offer->contract);
      *ret_offer = offer;
      return status;
    }
    offer_release(offer);
    if (!own) return status;
  }
}
