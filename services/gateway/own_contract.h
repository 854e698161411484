/* SPDX-License-Identifier: Apache-2.0 */
/* Contracts of services outside the tree, of which the gateway knows the addresses alone (own_services.h): each service
 * is asked by reflection, again and again, so that one that starts later, or comes back with another contract, is
 * offered within seconds. While a service is away, what it had told stays offered, and calls say that it is away. */
#pragma once

#include <stdbool.h>

#include "gateway.h"

struct own_contracts;

struct own_contract {
  struct own_contracts *all;
  const char *name; /* of the service: "note" */
  struct rpc_channel *channel;
  struct arena *arena; /* of what it has told */
  const void *set;     /* packed FileDescriptorSet; NULL until it has told one */
  size_t size;
  const char *const *services; /* that it serves; NULL is behind the last */
  bool unfit;                  /* it does not go together with the others, and is not offered */
  bool unfit_told;             /* the log says so */
  bool silent;                 /* when it was last asked, it told nothing; the log says so */
};

/* Opens channels to the services of the settings. Errors: INVALID_ARGUMENT: the address of one. */
struct status own_contracts_open(struct gateway *gateway);

/* Starts asking. */
void own_contracts_start(struct own_contracts *contracts);

/* Ends it, within seconds. NULL is allowed. */
coroutine_fn void own_contracts_close(struct own_contracts *contracts);

/* Returns contract `index`, or NULL behind the last. */
struct own_contract *own_contract_at(struct own_contracts *contracts, size_t index);
