/* SPDX-License-Identifier: Apache-2.0 */
/* Typed calls to CrmService, which keeps what the shop has to do with its customers and follows the other services'
 * events.
 *
 * See ordershop_client.h for retries, positions, threads and lifetimes, and proto/ordershop/v1/crm.proto for what each
 * call does and which errors it has. */
#pragma once

#include <ordershop/v1/crm.pb-c.h>

#include "client/ordershop_client.h"

/* Reads the profile of a customer. */
struct status ordershop_get_customer_profile(struct ordershop_client *client, const struct context *context,
                                             const Ordershop__V1__GetCustomerProfileRequest *request,
                                             const Ordershop__V1__CustomerProfile **ret_profile);

/* Lists interactions, oldest first, each once, however many come meanwhile. */
struct status ordershop_list_interactions(struct ordershop_client *client, const struct context *context,
                                          const Ordershop__V1__ListInteractionsRequest *request,
                                          const Ordershop__V1__ListInteractionsResponse **ret_response);
