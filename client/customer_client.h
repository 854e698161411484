/* SPDX-License-Identifier: Apache-2.0 */
/* Typed calls to CustomerService, which owns the customers of the shop.
 *
 * See ordershop_client.h for retries, positions, threads and lifetimes, and proto/ordershop/v1/customer.proto for what
 * each call does and which errors it has. */
#pragma once

#include <ordershop/v1/customer.pb-c.h>

#include "client/ordershop_client.h"

/* Creates a customer. */
struct status ordershop_create_customer(struct ordershop_client *client, const struct context *context,
                                        const Ordershop__V1__CreateCustomerRequest *request,
                                        const Ordershop__V1__Customer **ret_customer);

/* Creates customers, all or none. */
struct status ordershop_batch_create_customers(struct ordershop_client *client, const struct context *context,
                                               const Ordershop__V1__BatchCreateCustomersRequest *request,
                                               const Ordershop__V1__BatchCreateCustomersResponse **ret_response);

/* Reads a customer. */
struct status ordershop_get_customer(struct ordershop_client *client, const struct context *context,
                                     const Ordershop__V1__GetCustomerRequest *request,
                                     const Ordershop__V1__Customer **ret_customer);

/* Lists customers, oldest first, each once, however many come and go meanwhile. */
struct status ordershop_list_customers(struct ordershop_client *client, const struct context *context,
                                       const Ordershop__V1__ListCustomersRequest *request,
                                       const Ordershop__V1__ListCustomersResponse **ret_response);

/* Changes the fields that the mask names and returns the whole customer. */
struct status ordershop_update_customer(struct ordershop_client *client, const struct context *context,
                                        const Ordershop__V1__UpdateCustomerRequest *request,
                                        const Ordershop__V1__Customer **ret_customer);

/* Deletes a customer. */
struct status ordershop_delete_customer(struct ordershop_client *client, const struct context *context,
                                        const Ordershop__V1__DeleteCustomerRequest *request);
