/* SPDX-License-Identifier: Apache-2.0 */
/* CRM: interactions with customers and their profiles (proto/ordershop/v1/crm.proto). All of it comes from events:
 * crm_events.c. */
#include "crm_service.h"

#include <ordershop/v1/crm.pb-c.h>

#include "base/uuid.h"
#include "known_orders.h"
#include "service/entity_command.h"
#include "shop.h"
#include "shop_mail.h"

const struct view crm_profiles = {.name = "profiles", .record = &ordershop__v1__customer_profile__descriptor};

const struct entity_type crm_interaction_type = {
    .name = "interaction",
    .descriptor = &ordershop__v1__interaction__descriptor,
    .life = ENTITY_FINAL,
    .indexes = {"customer_id"},
};

static const struct resource interactions = {.type = &crm_interaction_type, .list_filter = "customer_id"};

static coroutine_fn struct status get_customer_profile(struct rpc_call *call, const void *input,
                                                       const void **ret_profile) {
  const Ordershop__V1__GetCustomerProfileRequest *request = input;
  struct arena *arena = call->context.arena;
  struct violations violations = violations_of(arena);
  check_uuid(&violations, "customer_id", request->customer_id);
  struct status status = violations_status(&violations);
  if (!status_is_ok(status)) return status;

  const char *customer_id = uuid_canonical(arena, request->customer_id);
  void *profile;
  status = view_read(service_of(call)->store, &call->context, &crm_profiles, customer_id, &profile);
  if (!status_is_ok(status)) return status;
  if (!profile) return status_not_found(arena, "customer_profile", customer_id);
  *ret_profile = profile;
  return status_ok();
}

static const struct rpc_method methods[] = {
    {.name = "GetCustomerProfile", .handler = get_customer_profile, .flags = METHOD_READS_VIEWS | METHOD_ONLY_READS},
    {.name = "ListInteractions", .handler = entity_page_list, .resource = &interactions, .flags = METHOD_READS_VIEWS},
};

const struct service_definition crm_service = {
    .brand = &shop_brand,
    .name = "crm",
    .purpose = "keeps interactions with customers and their profiles, and writes to them",
    .port = SHOP_PORT_CRM,
    .services = {{.descriptor = &ordershop__v1__crm_service__descriptor, .methods = ROWS(methods)}},
    .descriptor_set = {ordershop_descriptor_set, &ordershop_descriptor_set_size},
    .views = {&crm_profiles, &known_orders},
    .subscriptions = ROWS(crm_subscriptions),
    .peers = {{.name = "mail", .port = SHOP_PORT_MAIL}},
    .outbox = &shop_mail_route,
    .outbox_peer = "mail",
};
