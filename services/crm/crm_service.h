/* SPDX-License-Identifier: Apache-2.0 */
/* CRM: what the files of the crm service share. */
#pragma once

#include "service/service.h"
#include "store/view.h"

extern const struct service_definition crm_service;

/* CustomerProfile by customer id. */
extern const struct view crm_profiles;
extern const struct entity_type crm_interaction_type;

/* crm_events.c */
enum { CRM_SUBSCRIPTIONS = 4 };
extern const struct subscription crm_subscriptions[CRM_SUBSCRIPTIONS];
