/* SPDX-License-Identifier: Apache-2.0 */
/* Typed calls to BillingService, which keeps the records that orders were paid.
 *
 * See ordershop_client.h for retries, positions, threads and lifetimes, and proto/ordershop/v1/billing.proto for what
 * each call does and which errors it has. */
#pragma once

#include <ordershop/v1/billing.pb-c.h>

#include "client/ordershop_client.h"

/* Records that an order was paid, in full. */
struct status ordershop_create_billing(struct ordershop_client *client, const struct context *context,
                                       const Ordershop__V1__CreateBillingRequest *request,
                                       const Ordershop__V1__Billing **ret_billing);

/* Reads a billing. */
struct status ordershop_get_billing(struct ordershop_client *client, const struct context *context,
                                    const Ordershop__V1__GetBillingRequest *request,
                                    const Ordershop__V1__Billing **ret_billing);

/* Lists billings, oldest first, each once, however many come and go meanwhile. */
struct status ordershop_list_billings(struct ordershop_client *client, const struct context *context,
                                      const Ordershop__V1__ListBillingsRequest *request,
                                      const Ordershop__V1__ListBillingsResponse **ret_response);

/* Takes a billing back; its order is unbilled again, asynchronously. */
struct status ordershop_delete_billing(struct ordershop_client *client, const struct context *context,
                                       const Ordershop__V1__DeleteBillingRequest *request);
