/* SPDX-License-Identifier: Apache-2.0 */
/* Offer: what the gateway offers at a time, the contract of the shop and of the services outside its tree that have
 * told theirs, and the document of it. An offer never changes: when a service has another contract, another offer takes
 * its place, and the old one lives for as long as a request holds it. The loop's thread. */
#pragma once

#include "contract.h"

struct gateway;

struct offer {
  size_t holders;
  struct arena *arena;
  struct contract *contract;
  const char *openapi; /* the document, in JSON */
};

/* Makes the offer of what is known now; the caller holds it. The contract of a service outside the tree that doesn't go
 * together with the others' is left out, and the log says why. Errors: those of contract_add, of the shop's own
 * contract; in the gateway's arena. */
struct status offer_make(struct gateway *gateway, struct offer **ret_offer);

struct offer *offer_hold(struct offer *offer);
void offer_release(struct offer *offer);
