/* SPDX-License-Identifier: Apache-2.0 */
/* Every mistake in the definition of a service ends it at its start with a line that names it. */
#include "service/definition_check.h"

#include <descriptor_set.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/mail.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <ordershop/v1/product.pb-c.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/entity_command.h"
#include "suite.h"

/* ---- a definition without mistakes ------------------------------------------------------------------------------ */

enum { METHODS = 16 };

/* Everything that a test may spoil, writable. */
struct parts {
  struct service_definition definition;
  struct brand brand;
  struct rpc_method methods[METHODS];
  struct entity_type type;
  struct resource resource;
  struct resource other_resource;
  struct view view;
  struct subscription subscriptions[3];
  struct peer_method calls[2];
  struct outbox_route outbox;
  struct setting settings[2];
};

static struct status handle(struct rpc_call *call, const void *request, const void **ret_reply) {
  (void)call, (void)request, (void)ret_reply;
  return status_ok();
}

static struct status stream(struct rpc_call *call, struct rpc_stream *of) {
  (void)call, (void)of;
  return status_ok();
}

static void check(struct violations *violations, const char *path, const void *entity, const char *field) {
  (void)violations, (void)path, (void)entity, (void)field;
}

static struct status apply(struct work *work, const struct event *event) {
  (void)work, (void)event;
  return status_ok();
}

static struct status handle_run(struct work *work, const struct event *const *events, size_t count) {
  (void)work, (void)events, (void)count;
  return status_ok();
}

static struct status housekeep(void *service, struct context *context, int64_t position, const char *epoch,
                               bool *ret_tick) {
  (void)service, (void)context, (void)position, (void)epoch, (void)ret_tick;
  return status_ok();
}

static const char *number;

/* CreateCustomer has a handler of its own. */
static rpc_handler *handler_of(const char *method) {
  if (strcmp(method, "BatchCreateCustomers") == 0) return entity_batch_create;
  if (strcmp(method, "GetCustomer") == 0) return entity_get;
  if (strcmp(method, "ListCustomers") == 0) return entity_page_list;
  if (strcmp(method, "UpdateCustomer") == 0) return entity_update;
  return strcmp(method, "DeleteCustomer") == 0 ? entity_delete : handle;
}

/* In the order of the proto. */
enum { CREATE, BATCH_CREATE, GET, LIST, UPDATE, DELETE };

static int guard(struct transaction *transaction, const void *entity) {
  (void)transaction, (void)entity;
  return 0;
}

static void make(struct parts *parts) {
  *parts = (struct parts){
      .type = {.name = "customer", .descriptor = &ordershop__v1__customer__descriptor},
      .resource = {.type = &parts->type,
                   .input_fields = {"name", "email"},
                   .mutable_fields = {"name", "email"},
                   .check = check},
      .other_resource = {.type = &parts->type},
      .view = {.name = "points", .record = &ordershop__v1__customer__descriptor},
      .subscriptions = {{.entity = &ordershop__v1__order__descriptor, .created = apply},
                        {.entity = &ordershop__v1__customer__descriptor, .projection = &parts->view}},
      .calls = {{.peer = "order", .name = "GetOrder"}, {.peer = "order", .name = "UpdateOrder"}},
      .outbox = {.service = &ordershop__v1__mail_service__descriptor,
                 .method = "BatchSendMails",
                 .message = &ordershop__v1__mail__descriptor},
      .settings = {{.variable = "COUPON_NOTE_NUMBER", .kind = SETTING_TEXT, .target = &number, .help = "a number"}},
      .brand = {.name = "coupon",
                .environment_prefix = "COUPON_",
                .error_domain = "coupon.example.com",
                .after_metadata = "coupon-after",
                .position_metadata = "coupon-position",
                .clock_key = "coupon_clock",
                .identity_prefix = "spiffe://coupon/"},
      .definition = {.brand = &parts->brand,
                     .name = "note",
                     .purpose = "keeps notes",
                     .port = 50058,
                     .services = {{.descriptor = &ordershop__v1__customer_service__descriptor,
                                   .methods = {parts->methods, ordershop__v1__customer_service__descriptor.n_methods}}},
                     .descriptor_set = {ordershop_descriptor_set, &ordershop_descriptor_set_size},
                     .views = {&parts->view},
                     .subscriptions = {parts->subscriptions, 2},
                     .peers = {{.name = "mail", .port = 50057},
                               {.name = "order", .port = 50054, .service = &ordershop__v1__order_service__descriptor}},
                     .calls = {parts->calls, 2},
                     .outbox = &parts->outbox,
                     .outbox_peer = "mail",
                     .settings = {parts->settings, 1}},
  };
  const ProtobufCServiceDescriptor *service = &ordershop__v1__customer_service__descriptor;
  for (unsigned i = 0; i < service->n_methods; i++) {
    const char *name = service->methods[i].name;
    parts->methods[i] = (struct rpc_method){.name = name, .handler = handler_of(name), .resource = &parts->resource};
  }
}

/* ---- mistakes --------------------------------------------------------------------------------------------------- */

/* The message Customer, but with other numbers of its fields, or names of which `version` is none. */
static const ProtobufCMessageDescriptor *other_customer(const char *without, unsigned shift) {
  static ProtobufCFieldDescriptor fields[METHODS];
  static unsigned by_name[METHODS];
  static ProtobufCMessageDescriptor message;
  message = ordershop__v1__customer__descriptor;
  memcpy(fields, message.fields, message.n_fields * sizeof *fields);
  memcpy(by_name, message.fields_sorted_by_name, message.n_fields * sizeof *by_name);
  for (unsigned i = 0; i < message.n_fields; i++) {
    if (strcmp(fields[i].name, "id") == 0) fields[i].id += shift;
    if (without && strcmp(fields[i].name, without) == 0) fields[i].type = PROTOBUF_C_TYPE_UINT32;
  }
  message.fields = fields;
  message.fields_sorted_by_name = by_name;
  return &message;
}

#define SPOIL(name, ...)                          \
  static void spoil_##name(struct parts *parts) { \
    (void)parts;                                  \
    __VA_ARGS__;                                  \
  }

static const char *const own_reasons[] = {"SOLD_OUT", "OVERLOADED", NULL}, *const type_reasons[] = {"PEN_NOT_FOUND",
                                                                                                    NULL};

SPOIL(brand, parts->definition.brand = NULL)
SPOIL(brand_name, parts->brand.name = "Coupon")
SPOIL(brand_prefix, parts->brand.environment_prefix = "COUPON")
SPOIL(brand_prefix_null, parts->brand.environment_prefix = NULL)
SPOIL(brand_domain, parts->brand.error_domain = "")
SPOIL(brand_after, parts->brand.after_metadata = "Coupon-After")
SPOIL(brand_after_null, parts->brand.after_metadata = NULL)
SPOIL(brand_position, parts->brand.position_metadata = "coupon-position-bin")
SPOIL(brand_same_metadata, parts->brand.position_metadata = parts->brand.after_metadata)
SPOIL(brand_reason, parts->brand.reasons = own_reasons)
SPOIL(brand_type_reason, parts->brand.reasons = type_reasons)
SPOIL(brand_clock, parts->brand.clock_key = NULL)
SPOIL(brand_identity, parts->brand.identity_prefix = "coupon")
SPOIL(name, parts->definition.name = "Note book")
SPOIL(no_name, parts->definition.name = NULL)
SPOIL(purpose, parts->definition.purpose = NULL)
SPOIL(port, parts->definition.port = 70000)
SPOIL(no_port, parts->definition.port = 0)
SPOIL(descriptor, parts->definition.services[0].descriptor = NULL)
SPOIL(descriptor_set, parts->definition.descriptor_set.bytes = NULL)
SPOIL(descriptor_set_size, parts->definition.descriptor_set.size = NULL)
SPOIL(same_service, parts->definition.services[1] = parts->definition.services[0])
SPOIL(gap, parts->definition.services[2] = parts->definition.services[0];
      parts->definition.services[2].descriptor = &ordershop__v1__order_service__descriptor)
SPOIL(many_services, parts->definition.services[SERVICE_CONTRACTS] = parts->definition.services[0])
SPOIL(many_views, parts->definition.views[SERVICE_VIEWS] = &parts->view)
SPOIL(many_peers, parts->definition.peers[SERVICE_PEERS] = parts->definition.peers[0])
SPOIL(many_inputs, parts->resource.input_fields[RESOURCE_FIELDS] = "name")
SPOIL(many_mutables, parts->resource.mutable_fields[RESOURCE_FIELDS] = "name")
SPOIL(many_indexes, parts->type.indexes[ENTITY_INDEXES] = "email")
SPOIL(many_view_fields, parts->view.fields[VIEW_FIELDS] = "email")
SPOIL(no_methods, parts->definition.services[0].methods.rows = NULL)
SPOIL(method_count, parts->definition.services[0].methods.count--)
SPOIL(method_name, parts->methods[0].name = "MakeCustomer")
SPOIL(method_null, parts->methods[0].name = NULL)
SPOIL(row_without_resource, parts->methods[GET].resource = NULL)
SPOIL(own_row_without_resource, parts->methods[CREATE].resource = NULL)
SPOIL(other_handler, parts->methods[BATCH_CREATE].handler = entity_create)
SPOIL(other_reply, parts->methods[LIST].handler = entity_get)
SPOIL(other_request, parts->methods[GET].handler = entity_delete)
SPOIL(update_of_nothing, parts->resource.mutable_fields[0] = NULL)
SPOIL(delete_what_remains, parts->type.life = ENTITY_REMAINS)
SPOIL(get_what_is_final, parts->type.life = ENTITY_FINAL; parts->resource.mutable_fields[0] = NULL)
SPOIL(list_filter, parts->resource.list_filter = "email")
SPOIL(list_filter_field, parts->resource.list_filter = "email"; parts->type.indexes[0] = "email";
      parts->resource.reference_fields[0] = "email")
SPOIL(list_filter_reference, parts->resource.list_filter = "email"; parts->type.indexes[0] = "email")
SPOIL(reference_field, parts->resource.reference_fields[0] = "version")
SPOIL(guard_alone, parts->resource.guard_deletion = guard)
SPOIL(flags, parts->methods[0].flags = 64)
SPOIL(stream_flag, parts->methods[0].handler = NULL; parts->methods[0].stream_handler = stream;
      parts->methods[0].flags = METHOD_READS_VIEWS)
SPOIL(views_flag, parts->methods[0].flags = METHOD_READS_VIEWS; parts->definition.subscriptions.rows = NULL;
      parts->definition.subscriptions.count = 0; parts->definition.outbox = NULL; parts->definition.outbox_peer = NULL)
SPOIL(retried_stream, parts->methods[0].handler = NULL; parts->methods[0].stream_handler = stream;
      parts->methods[0].flags = METHOD_RETRIED_WHEN_CAUGHT_UP)
SPOIL(both_flags, parts->methods[0].flags = METHOD_READS_VIEWS | METHOD_RETRIED_WHEN_CAUGHT_UP)
SPOIL(reading_command, parts->methods[UPDATE].flags = METHOD_ONLY_READS)
SPOIL(reading_stream, parts->methods[0].handler = NULL; parts->methods[0].stream_handler = stream;
      parts->methods[0].flags = METHOD_ONLY_READS)
SPOIL(resource_type, parts->resource.type = NULL)
SPOIL(resource_name, parts->type.name = "Customer")
SPOIL(resource_descriptor, parts->type.descriptor = NULL)
SPOIL(resource_check, parts->resource.check = NULL)
SPOIL(resource_twice, parts->methods[GET].resource = &parts->other_resource)
SPOIL(input_field, parts->resource.input_fields[0] = "nmae")
SPOIL(input_field_twice, parts->resource.input_fields[1] = "name")
SPOIL(mutable_field, parts->resource.mutable_fields[1] = "mail")
SPOIL(mutable_only, parts->resource.input_fields[1] = NULL)
SPOIL(final, parts->type.life = ENTITY_FINAL)
SPOIL(index, parts->type.indexes[0] = "emial")
SPOIL(list_field, parts->type.list_field = "email")
SPOIL(told_once, parts->type.told_once = "version")
SPOIL(field_number, parts->type.descriptor = other_customer(NULL, 4))
SPOIL(field_type, parts->type.descriptor = other_customer("version", 0))
SPOIL(view_name, parts->view.name = "points of all")
SPOIL(view_null, parts->view.name = NULL)
SPOIL(view_record, parts->view.record = NULL)
SPOIL(view_field, parts->view.fields[0] = "nmae")
SPOIL(view_taken, parts->view.name = "position")
SPOIL(view_twice, parts->definition.views[1] = &parts->view)
SPOIL(no_subscriptions, parts->definition.subscriptions.rows = NULL)
SPOIL(subscription_count, parts->definition.subscriptions.count = 0)
SPOIL(entity, parts->subscriptions[0].entity = NULL)
SPOIL(stream_twice, parts->subscriptions[2] = parts->subscriptions[0]; parts->definition.subscriptions.count = 3)
SPOIL(handler, parts->subscriptions[0].created = NULL)
SPOIL(both_handlers, parts->subscriptions[0].created_run = handle_run)
SPOIL(handler_and_projection, parts->subscriptions[1].updated = apply)
SPOIL(other_projection, parts->view.record = &ordershop__v1__mail__descriptor)
SPOIL(unlisted_projection, parts->definition.views[0] = NULL)
SPOIL(key, parts->subscriptions[0].entity = &ordershop__v1__order_item__descriptor)
SPOIL(events_may_wait_ms, parts->definition.events_may_wait_ms = -1)
SPOIL(no_events_may_wait, parts->definition.events_may_wait_ms = 1; parts->definition.subscriptions.rows = NULL;
      parts->definition.subscriptions.count = 0)
SPOIL(housekeep, parts->definition.housekeep = housekeep; parts->definition.subscriptions.rows = NULL;
      parts->definition.subscriptions.count = 0)
SPOIL(owner_name, parts->subscriptions[0].owner = "Order")
SPOIL(owner_itself, parts->subscriptions[0].owner = "note")
SPOIL(owner_differs, parts->subscriptions[2] = parts->subscriptions[0]; parts->subscriptions[0].owner = "order";
      parts->subscriptions[2].created = NULL; parts->subscriptions[2].updated = apply;
      parts->definition.subscriptions.count = 3)
SPOIL(housekeep_owner, parts->definition.housekeep = housekeep; parts->definition.housekeep_owner = "mail")
SPOIL(peer_name, parts->definition.peers[0].name = "Mail")
SPOIL(peer_port, parts->definition.peers[0].port = -1)
SPOIL(peer_twice, parts->definition.peers[1].name = "mail")
SPOIL(peer_without_service, parts->definition.peers[1].service = NULL)
SPOIL(peer_unused, parts->definition.peers[2] = parts->definition.peers[1]; parts->definition.peers[2].name = "crm")
SPOIL(no_calls, parts->definition.calls.rows = NULL)
SPOIL(call_count, parts->definition.calls.count = 0)
SPOIL(call_left_out, parts->calls[1] = (struct peer_method){0})
SPOIL(call_method, parts->calls[1].name = "UpdateOdrer")
SPOIL(call_of_another, parts->calls[0].name = "GetCustomer")
SPOIL(call_peer, parts->calls[0].peer = "odrer")
SPOIL(call_no_peer, parts->calls[0].peer = NULL)
SPOIL(outbox_method, parts->outbox.method = "SendMials")
SPOIL(outbox_single, parts->outbox.method = "SendMail")
SPOIL(outbox_message, parts->outbox.message = NULL)
SPOIL(outbox_other, parts->outbox.message = &ordershop__v1__product__descriptor)
SPOIL(outbox_batch, parts->outbox.batch_messages = -1)
SPOIL(outbox_peer, parts->definition.outbox_peer = "post")
SPOIL(outbox_no_peer, parts->definition.outbox_peer = NULL)
SPOIL(peer_without_outbox, parts->definition.outbox = NULL)
SPOIL(no_settings, parts->definition.settings.rows = NULL)
SPOIL(variable, parts->settings[0].variable = "NOTE_NUMBER")
SPOIL(variable_of_another, parts->settings[0].variable = "ORDERSHOP_NUMBER")
SPOIL(variable_null, parts->settings[0].variable = NULL)
SPOIL(target, parts->settings[0].target = NULL)
SPOIL(help, parts->settings[0].help = NULL)
SPOIL(choices, parts->settings[0].kind = SETTING_CHOICE)
SPOIL(bounds, parts->settings[0].kind = SETTING_INTEGER; parts->settings[0].min = 5)

static const struct {
  void (*spoil)(struct parts *parts);
  const char *line;
} mistakes[] = {
    {spoil_brand, "brand: is missing"},
    {spoil_brand_name, "brand->name: Coupon must be of a-z, 0-9 and _"},
    {spoil_brand_prefix, "brand->environment_prefix: COUPON must be of A-Z, 0-9 and _, and end with _"},
    {spoil_brand_prefix_null, "brand->environment_prefix: NULL must be"},
    {spoil_brand_domain, "brand->error_domain: is missing"},
    {spoil_brand_after, "brand->after_metadata: Coupon-After must be of a-z, 0-9 and -"},
    {spoil_brand_after_null, "brand->after_metadata: NULL must be"},
    {spoil_brand_position, "brand->position_metadata: coupon-position-bin must be"},
    {spoil_brand_same_metadata, "brand->position_metadata: is the same as after_metadata"},
    {spoil_brand_reason, "brand->reasons: OVERLOADED is a reason of the runtime"},
    {spoil_brand_type_reason, "brand->reasons: PEN_NOT_FOUND is a reason of the runtime"},
    {spoil_brand_clock, "brand->clock_key: is missing"},
    {spoil_brand_identity, "brand->identity_prefix: coupon must be the beginning of a URI"},
    {spoil_name, "name: Note book must be of a-z, 0-9 and _"},
    {spoil_no_name, "name: NULL must be"},
    {spoil_purpose, "purpose: is missing"},
    {spoil_port, "port: 70000 is none"},
    {spoil_no_port, "port: 0 is none"},
    {spoil_descriptor, "services[0]: has no descriptor"},
    {spoil_descriptor_set, "descriptor_set: is missing"},
    {spoil_descriptor_set_size, "descriptor_set: is missing, or its size"},
    {spoil_same_service, "ordershop.v1.CustomerService: comes twice"},
    {spoil_gap, "ordershop.v1.OrderService: stands behind an empty place of services"},
    {spoil_many_services, "services: are more than 4"},
    {spoil_many_views, "views: are more than 8"},
    {spoil_many_peers, "peers: are more than 4"},
    {spoil_many_inputs, "resource customer: input_fields names more than 8"},
    {spoil_many_mutables, "resource customer: mutable_fields names more than 8"},
    {spoil_many_indexes, "resource customer: has more than 3 indexes"},
    {spoil_many_view_fields, "view points: fields names more than 8"},
    {spoil_no_methods, "ordershop.v1.CustomerService: the count is "},
    {spoil_method_count, "is missing"},
    {spoil_method_name, "MakeCustomer is no method of the service"},
    {spoil_method_null, "methods[0] has no name"},
    {spoil_row_without_resource, "GetCustomer: is handled by entity_get, but names no resource"},
    {spoil_own_row_without_resource, "CreateCustomer: answers ordershop.v1.Customer, so it must name the resource"},
    {spoil_other_handler,
     "BatchCreateCustomers: is handled by entity_create, which needs a message with a field of "
     "ordershop.v1.Customer, not ordershop.v1.BatchCreateCustomersRequest"},
    {spoil_other_reply, "ListCustomers: is handled by entity_get, which needs a message that is ordershop.v1.Customer"},
    {spoil_other_request, "GetCustomer: ordershop.v1.GetCustomerRequest has no field version"},
    {spoil_update_of_nothing, "UpdateCustomer: is handled by entity_update, but the resource has no mutable_fields"},
    {spoil_delete_what_remains,
     "DeleteCustomer: is handled by entity_delete, which can't be for a type that is ENTITY_R"},
    {spoil_get_what_is_final, "GetCustomer: is handled by entity_get, which can't be for a type that is ENTITY_FINAL"},
    {spoil_list_filter, "resource customer: its list_filter \"email\" is none of its type's indexes"},
    {spoil_list_filter_reference, "resource customer: its list_filter \"email\" is not among the reference_fields"},
    {spoil_reference_field, "resource customer: reference_fields names \"version\", which is no string"},
    {spoil_list_filter_field, "ListCustomers: ordershop.v1.ListCustomersRequest has no field email"},
    {spoil_guard_alone, "resource customer: needs both guard_deletion and explain_deletion, or none"},
    {spoil_flags, "CreateCustomer: has flags that mean nothing"},
    {spoil_stream_flag, "CreateCustomer: is a stream: METHOD_READS_VIEWS"},
    {spoil_views_flag, "CreateCustomer: is METHOD_READS_VIEWS, but the service has no subscriptions"},
    {spoil_retried_stream, "CreateCustomer: is a stream: METHOD_RETRIED_WHEN_CAUGHT_UP"},
    {spoil_both_flags, "CreateCustomer: is METHOD_READS_VIEWS: METHOD_RETRIED_WHEN_CAUGHT_UP adds nothing"},
    {spoil_reading_command, "UpdateCustomer: is METHOD_ONLY_READS, but its handler changes something"},
    {spoil_reading_stream, "CreateCustomer: is a stream: METHOD_ONLY_READS means nothing to it"},
    {spoil_resource_type, "a resource: it has no type"},
    {spoil_resource_name, "resource Customer: its name must be of a-z"},
    {spoil_resource_descriptor, "resource customer: its type \"customer\" has no descriptor"},
    {spoil_resource_check, "resource customer: has input_fields, but no check for them"},
    {spoil_resource_twice, "resource customer: comes twice"},
    {spoil_input_field, "resource customer: input_fields names \"nmae\", which is no field of ordershop.v1.Customer"},
    {spoil_input_field_twice, "resource customer: input_fields names \"name\" twice"},
    {spoil_mutable_field, "resource customer: mutable_fields names \"mail\", which is no field"},
    {spoil_mutable_only, "resource customer: mutable_fields names \"email\", which is not among the input_fields"},
    {spoil_final, "resource customer: has mutable_fields, though its type is ENTITY_FINAL"},
    {spoil_index, "resource customer: its index \"emial\" is no string field"},
    {spoil_told_once, "resource customer: its told_once \"version\" is no string field"},
    {spoil_list_field, "resource customer: its list_field \"email\" is no repeated string field"},
    {spoil_field_number, "resource customer: id of ordershop.v1.Customer has the number 5, not 1"},
    {spoil_field_type,
     "resource customer: its type \"customer\": ordershop.v1.Customer has no field \"int64 version\""},
    {spoil_view_name, "view points of all: its name must be of a-z"},
    {spoil_view_null, "view NULL: its name must be of a-z"},
    {spoil_view_record, "view points: has no record"},
    {spoil_view_field, "view points: fields names \"nmae\", which is no field of ordershop.v1.Customer"},
    {spoil_view_taken, "view position: the key of that name is the runtime's own"},
    {spoil_view_twice, "view points: comes twice"},
    {spoil_no_subscriptions, "subscriptions: the count is 2, but there is no table"},
    {spoil_subscription_count, "subscriptions: there is a table, but its count is 0"},
    {spoil_entity, "subscriptions[0]: has no entity"},
    {spoil_stream_twice, "subscription to ordershop.v1.Order: order_created is subscribed to twice"},
    {spoil_handler, "subscription to ordershop.v1.Order: has neither a handler nor a projection"},
    {spoil_both_handlers, "subscription to ordershop.v1.Order: has a handler and a run handler for the same stream"},
    {spoil_handler_and_projection, "subscription to ordershop.v1.Customer: has a projection, which takes the place"},
    {spoil_other_projection, "subscription to ordershop.v1.Customer: its projection, points, has other records"},
    {spoil_unlisted_projection, "subscription to ordershop.v1.Customer: its projection, points, is none of the"},
    {spoil_key, "subscription to ordershop.v1.OrderItem: has no key, and the entity no id"},
    {spoil_housekeep, "housekeep: is never called"},
    {spoil_events_may_wait_ms, "events_may_wait_ms: is negative"},
    {spoil_no_events_may_wait, "events_may_wait_ms: says nothing"},
    {spoil_owner_name, "subscription to ordershop.v1.Order: its owner, Order, is no name of a service"},
    {spoil_owner_itself, "subscription to ordershop.v1.Order: its owner is the service itself: leave it out"},
    {spoil_owner_differs, "subscription to ordershop.v1.Order: another subscription to it has another owner"},
    {spoil_housekeep_owner, "housekeep_owner: mail owns nothing that the service subscribes to"},
    {spoil_peer_name, "peer Mail: its name must be of a-z"},
    {spoil_peer_port, "peer mail: its port, -1, is none"},
    {spoil_peer_twice, "peer mail: comes twice"},
    {spoil_peer_without_service, "calls[0], GetOrder: its peer, order, has no service"},
    {spoil_peer_unused, "peer crm: no row of calls names it, and the outbox does not lead there"},
    {spoil_no_calls, "calls: the count is 2, but there is no table"},
    {spoil_call_count, "calls: there is a table, but its count is 0"},
    {spoil_call_left_out, "calls[1], NULL: needs peer and name"},
    {spoil_call_method, "calls[1], UpdateOdrer: is no method of ordershop.v1.OrderService"},
    {spoil_call_of_another, "calls[0], GetCustomer: is no method of ordershop.v1.OrderService"},
    {spoil_call_peer, "calls[0], GetOrder: its peer, odrer, is none of the peers"},
    {spoil_call_no_peer, "calls[0], GetOrder: needs peer and name"},
    {spoil_outbox_method, "outbox: ordershop.v1.MailService has no method SendMials"},
    {spoil_outbox_single, "outbox: SendMail takes no batch of ordershop.v1.Mail"},
    {spoil_outbox_message, "outbox: needs service, method and message"},
    {spoil_outbox_other, "outbox: BatchSendMails takes no batch of ordershop.v1.Product"},
    {spoil_outbox_batch, "outbox: the size of a batch is negative"},
    {spoil_outbox_peer, "outbox_peer: post is none of the peers"},
    {spoil_outbox_no_peer, "outbox_peer: NULL is none of the peers"},
    {spoil_peer_without_outbox, "outbox_peer: is mail, but there is no outbox"},
    {spoil_no_settings, "settings: the count is 1, but there is no table"},
    {spoil_variable_of_another, "its variable must be COUPON_ and more"},
    {spoil_variable, "settings[0], NOTE_NUMBER: its variable must be COUPON_"},
    {spoil_variable_null, "settings[0], NULL: its variable must be"},
    {spoil_target, "settings[0], COUPON_NOTE_NUMBER: has no target"},
    {spoil_help, "settings[0], COUPON_NOTE_NUMBER: has no help"},
    {spoil_choices, "settings[0], COUPON_NOTE_NUMBER: has no choices"},
    {spoil_bounds, "settings[0], COUPON_NOTE_NUMBER: its min is above its max"},
};

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void test_right(void) {
  struct arena *arena = arena_new();
  struct parts parts;
  make(&parts);
  struct status status = definition_check(arena, &parts.definition);
  if (!status_is_ok(status)) fprintf(stderr, "%s\n", status.message);
  CU_ASSERT_TRUE(status_is_ok(status));
  arena_free(arena);
}

static void test_each_mistake(void) {
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
    struct arena *arena = arena_new();
    struct parts parts;
    make(&parts);
    mistakes[i].spoil(&parts);
    struct status status = definition_check(arena, &parts.definition);
    CU_ASSERT_STRING_EQUAL(status_reason(status), "DEFINITION_INVALID");
    bool told = status.message && strstr(status.message, mistakes[i].line);
    if (!told) fprintf(stderr, "no \"%s\" in: %s\n", mistakes[i].line, status.message ? status.message : "");
    CU_ASSERT_TRUE(told);
    arena_free(arena);
  }
}

static void test_all_at_once(void) {
  struct arena *arena = arena_new();
  struct parts parts;
  make(&parts);
  spoil_handler(&parts);
  spoil_view_name(&parts);
  spoil_port(&parts);
  struct status status = definition_check(arena, &parts.definition);
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "has 3 mistakes:\n  port: "));
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "\n  view points of all: its name"));
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "\n  subscription to ordershop.v1.Order: has neither"));
  arena_free(arena);
}

/* The exit status of a process that is a service by that definition; `text` gets what it says. */
static int end_of_service(const struct service_definition *definition, char *text, size_t size) {
  int ends[2];
  CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    char name[] = "coupon-note", *argv[] = {name, NULL};
    alarm(60); /* one that starts all the same would run on */
    _exit(service_main(definition, 1, argv));
  }
  close(ends[1]);
  size_t length = 0;
  ssize_t got;
  while (length + 1 < size && (got = read(ends[0], text + length, size - 1 - length)) > 0) length += (size_t)got;
  text[length] = '\0';
  close(ends[0]);
  int state = 0;
  waitpid(child, &state, 0);
  return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

static void test_process(void) {
  static const char *const lines[] = {"Order: has neither a handler nor a projection\n",
                                      "\"nmae\", which is no field of ordershop.v1.Customer\n",
                                      "has no key",
                                      "is subscribed to twice",
                                      "points: has no record\n",
                                      "UpdateOdrer: is no method of ordershop.v1.OrderService\n"};
  static void (*const spoils[])(struct parts *) = {spoil_handler,      spoil_input_field, spoil_key,
                                                   spoil_stream_twice, spoil_view_record, spoil_call_method};
  for (size_t i = 0; i < sizeof spoils / sizeof *spoils; i++) {
    struct parts parts;
    char text[4096];
    make(&parts);
    spoils[i](&parts);
    CU_ASSERT_EQUAL(end_of_service(&parts.definition, text, sizeof text), 1);
    CU_ASSERT_PTR_EQUAL(strstr(text, "coupon-note: the service's definition has "), text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, lines[i]));
  }
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a definition without mistakes is accepted", test_right},
      {"each mistake is named, with the place where it is", test_each_mistake},
      {"several mistakes are told at once", test_all_at_once},
      {"a service whose definition has a mistake ends at its start, with status 1 and the line", test_process},
  };
  return suite_main("definition check", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
