/* SPDX-License-Identifier: Apache-2.0 */
/* Billing: what the files of the billing service share. */
#pragma once

#include "service/service.h"
#include "store/view.h"

extern const struct service_definition billing_service;

/* billing_events.c */
enum { BILLING_SUBSCRIPTIONS = 3 };
extern const struct subscription billing_subscriptions[BILLING_SUBSCRIPTIONS];
extern const struct view billing_customers; /* Customer by id, for mails */
