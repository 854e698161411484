/* SPDX-License-Identifier: Apache-2.0 */
/* What CRM writes to customers. Each function puts one mail into the outbox and returns its id. */
#pragma once

#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/order.pb-c.h>

#include "consumer/work.h"

const char *crm_send_welcome(struct work *work, const struct event *event, const Ordershop__V1__Customer *customer);
const char *crm_send_good_bye(struct work *work, const struct event *event, const Ordershop__V1__Customer *customer);
const char *crm_send_thank_you(struct work *work, const struct event *event, const char *name, const char *email,
                               const Ordershop__V1__Order *order);
