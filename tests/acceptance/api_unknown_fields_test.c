/* SPDX-License-Identifier: Apache-2.0 */
/* Fields that only a newer version of the services knows outlive whatever this one does with the things that have them.
 * What callers send besides the fields that this version knows is ignored. */
#include <google/protobuf/timestamp.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "base/message.h"

/* ---- a newer version -------------------------------------------------------------------------------------------- */

/* A field of each wire type with the first numbers that are free, and two with larger ones. */
static const struct {
  ProtobufCWireType type;
  const char *value; /* packed */
  size_t size;
  unsigned number; /* 0: the next one that is free */
} additions[] = {
    {PROTOBUF_C_WIRE_TYPE_VARINT, "\x96\x01", 2, 0},
    {PROTOBUF_C_WIRE_TYPE_64BIT, "\x01\x02\x03\x04\x05\x06\x07\x08", 8, 0},
    {PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, "\x05newer", 6, 0},
    {PROTOBUF_C_WIRE_TYPE_32BIT, "\xff\xfe\xfd\xfc", 4, 0},
    {PROTOBUF_C_WIRE_TYPE_VARINT, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, 16},
    {PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, "\x00", 1, 536870911},
};
enum { ADDITIONS = sizeof additions / sizeof *additions };

static unsigned free_number(const ProtobufCMessageDescriptor *descriptor, unsigned number) {
  while (protobuf_c_message_descriptor_get_field(descriptor, number)) number++;
  return number;
}

static ProtobufCMessageUnknownField *additions_to(const ProtobufCMessageDescriptor *descriptor) {
  ProtobufCMessageUnknownField *fields = arena_calloc(arena, ADDITIONS, sizeof *fields);
  unsigned number = 0;
  for (int i = 0; i < ADDITIONS; i++) {
    number = additions[i].number ? additions[i].number : free_number(descriptor, number + 1);
    fields[i] = (ProtobufCMessageUnknownField){.tag = number,
                                               .wire_type = additions[i].type,
                                               .len = additions[i].size,
                                               .data = (uint8_t *)(uintptr_t)additions[i].value};
  }
  return fields;
}

/* Calls `visit` for the message and for all within it but times. */
static void for_each_message(void *message, void (*visit)(ProtobufCMessage *message)) {
  ProtobufCMessage *base = message;
  visit(base);
  for (unsigned i = 0; i < base->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &base->descriptor->fields[i];
    if (field->type != PROTOBUF_C_TYPE_MESSAGE || field->descriptor == &google__protobuf__timestamp__descriptor)
      continue;
    bool is_repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    void *one = is_repeated ? NULL : *(void **)message_member(message, field);
    if (one) for_each_message(one, visit);
    for (size_t k = 0; is_repeated && k < message_repeated_count(message, field); k++) {
      for_each_message(message_repeated_values(message, field)[k], visit);
    }
  }
}

static void add_fields(ProtobufCMessage *message) {
  message->n_unknown_fields = ADDITIONS;
  message->unknown_fields = additions_to(message->descriptor);
}

static void remove_fields(ProtobufCMessage *message) {
  message->n_unknown_fields = 0;
}

/* It has the additions, each with its value, and nothing else that is unknown. */
static bool has_additions(const void *message) {
  const ProtobufCMessage *base = message;
  if (base->n_unknown_fields != ADDITIONS) return false;
  const ProtobufCMessageUnknownField *wanted = additions_to(base->descriptor);
  for (int i = 0; i < ADDITIONS; i++) {
    const ProtobufCMessageUnknownField *field = &base->unknown_fields[i];
    if (field->tag != wanted[i].tag || field->wire_type != wanted[i].wire_type) return false;
    if (field->len != wanted[i].len || memcmp(field->data, wanted[i].data, field->len) != 0) return false;
  }
  return true;
}

/* ---- what is stored --------------------------------------------------------------------------------------------- */

static void *unpacked(const ProtobufCMessageDescriptor *type, const struct redis_reply *bytes) {
  CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
  CU_ASSERT_EQUAL_FATAL(bytes->type, REDIS_TEXT);
  void *message = message_unpack(arena, type, bytes->text, bytes->size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(message);
  return message;
}

/* A field of a hash that holds a message. */
struct place {
  const char *key, *field;
  const ProtobufCMessageDescriptor *type;
};

static struct place entity_place(const char *name, const void *entity) {
  return (struct place){.key = arena_printf(arena, "%s_entity:%s", name, message_text(entity, "id")),
                        .field = "_entity",
                        .type = ((const ProtobufCMessage *)entity)->descriptor};
}

static void *stored(struct place place) {
  return unpacked(place.type, private_redis_reply(redis, arena, "HGET %s %s", place.key, place.field));
}

/* What a newer version would have written there. */
static void extend(struct place place) {
  void *message = stored(place);
  for_each_message(message, add_fields);
  size_t size;
  const void *bytes = message_pack(arena, message, &size);
  private_redis_command(redis, "HSET %s %s %b", place.key, place.field, bytes, size);
}

static bool is_extended(const void *argument) {
  const struct place *place = argument;
  const struct redis_reply *reply = private_redis_reply(redis, arena, "HGET %s %s", place->key, place->field);
  return reply->type == REDIS_TEXT && has_additions(unpacked(place->type, reply));
}

/* In a view the additions appear with the entity's next event. */
static void assert_in_view(const char *view, const void *entity) {
  const struct place place = {view, message_text(entity, "id"), ((const ProtobufCMessage *)entity)->descriptor};
  CU_ASSERT_TRUE(holds_soon(is_extended, &place));
}

/* The entity in the latest event of a stream that is about `entity`, or NULL if there is none. */
static void *last_told(const char *stream, const void *entity) {
  const struct redis_reply *entries = private_redis_reply(redis, arena, "XREVRANGE events:%s + -", stream);
  for (size_t i = 0; entries && i < entries->count; i++) {
    const struct redis_reply *fields = redis_reply_at(redis_reply_at(entries, i), 1);
    void *told = unpacked(((const ProtobufCMessage *)entity)->descriptor, redis_reply_field(fields, "entity"));
    if (strcmp(message_text(told, "id"), message_text(entity, "id")) == 0) return told;
  }
  return NULL;
}

/* ---- assertions ------------------------------------------------------------------------------------------------- */

static bool is_named(const char *names, const char *name) {
  const char *at = strstr(names, name);
  size_t length = strlen(name);
  return at && (at == names || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0');
}

/* All known fields but those that are named are as they were. */
static void assert_same_but(const void *before, const void *after, const char *names) {
  const ProtobufCMessageDescriptor *type = ((const ProtobufCMessage *)before)->descriptor;
  for (unsigned i = 0; i < type->n_fields; i++) {
    if (is_named(names, type->fields[i].name)) continue;
    bool same = message_field_equal(arena, before, after, &type->fields[i]);
    if (!same) fprintf(stderr, "  %s of %s has changed\n", type->fields[i].name, type->name);
    CU_ASSERT_TRUE(same);
  }
}

/* An entity that has been changed has its additions, in Redis and in its event, and is the next version in all that is
 * not `changed`. It is returned. */
static void *assert_kept(const char *name, const void *before, const char *changed) {
  struct place place = entity_place(name, before);
  void *after = stored(place);
  CU_ASSERT_TRUE(has_additions(after));
  CU_ASSERT_TRUE(message_equal(arena, after, last_told(arena_printf(arena, "%s_updated", name), after)));
  assert_same_but(before, after, arena_printf(arena, "%s version update_time", changed));
  CU_ASSERT_EQUAL(message_number(after, "version"), message_number(before, "version") + 1);
  return after;
}

/* The event of a deletion tells the entity as it last was. */
static void assert_told_as_deleted(const char *name, const void *last) {
  const void *told = last_told(arena_printf(arena, "%s_deleted", name), last);
  CU_ASSERT_TRUE(has_additions(told));
  CU_ASSERT_TRUE(message_equal(arena, told, last));
}

/* ---- what exists ------------------------------------------------------------------------------------------------ */

/* Carries out an update twice under one request id; both answers are the entity as it is stored. */
static void perform_update(const char *method, const char *name, void *request) {
  message_set_text(request, "request_id", new_id());
  struct answer answer = ask_message(method, request);
  assert_done(answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer.message);
  CU_ASSERT_TRUE(message_equal(arena, answer.message, stored(entity_place(name, answer.message))));
  assert_same_answer(ask_message(method, request), answer.message);
}

#define UPDATE(method, name, ...) perform_update(method, name, request_of(method, __VA_ARGS__))

static void customers(void) {
  const Ordershop__V1__Customer *before = new_customer();
  extend(entity_place("customer", before));
  UPDATE("UpdateCustomer", "customer", "customer {id $ name 'Grace'}", before->id);
  const Ordershop__V1__Customer *after = assert_kept("customer", before, "name");
  CU_ASSERT_STRING_EQUAL(after->name, "Grace");
  assert_in_view("order_customers", after);
  assert_in_view("billing_customers", after);
  UPDATE("UpdateCustomer", "customer", "customer {id $ name 'Grace'}", before->id);
  CU_ASSERT_TRUE(message_equal(arena, stored(entity_place("customer", before)), after));
  must("DeleteCustomer", "id $", before->id);
  assert_told_as_deleted("customer", after);
}

static void products(void) {
  const Ordershop__V1__Product *before = new_product(100);
  extend(entity_place("product", before));
  UPDATE("UpdateProduct", "product", "product {id $ price_cents 300}", before->id);
  const Ordershop__V1__Product *after = assert_kept("product", before, "price_cents");
  CU_ASSERT_EQUAL(after->price_cents, 300);
  assert_in_view("order_products", after);
  const Ordershop__V1__BatchGetProductsResponse *got = must("BatchGetProducts", "ids $", before->id);
  CU_ASSERT_TRUE(message_equal(arena, got->products[0], after));
  must("DeleteProduct", "id $", before->id);
  assert_told_as_deleted("product", after);
}

static const Ordershop__V1__Inventory *assert_stock(const Ordershop__V1__Inventory *before, int64_t amount,
                                                    int64_t reserved) {
  must("GetInventory", "id $", before->id); /* comes after the events of orders */
  const Ordershop__V1__Inventory *after = assert_kept("inventory", before, "amount reserved_amount");
  CU_ASSERT_EQUAL(after->amount, amount);
  CU_ASSERT_EQUAL(after->reserved_amount, reserved);
  return after;
}

static void inventories(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Product *product = new_stocked_product(100, 10);
  const Ordershop__V1__Inventory *inventory = stock_of(product->id);
  extend(entity_place("inventory", inventory));
  UPDATE("AdjustStock", "inventory", "product_id $ delta 5", product->id);
  inventory = assert_stock(inventory, 15, 0);
  UPDATE("UpdateInventory", "inventory", "inventory {id $ amount 300}", inventory->id);
  inventory = assert_stock(inventory, 300, 0);
  UPDATE("UpdateInventory", "inventory", "inventory {id $ amount 300}", inventory->id);

  const Ordershop__V1__Order *order =
      must("CreateOrder", "order {customer_id $ product_ids $ product_ids $}", customer->id, product->id, product->id);
  inventory = assert_stock(inventory, 298, 2);
  must("UpdateOrder", "order {id $ product_ids $}", order->id, product->id);
  inventory = assert_stock(inventory, 299, 1);
  must("DeleteOrder", "id $", order->id);
  inventory = assert_stock(inventory, 300, 0);
  must("DeleteInventory", "id $", inventory->id);
  assert_told_as_deleted("inventory", inventory);
}

static void orders(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Product *kept = new_stocked_product(100, 10), *added = new_stocked_product(7, 10);
  const Ordershop__V1__Order *before = new_order(customer->id, kept->id);
  extend(entity_place("order", before));
  UPDATE("UpdateOrder", "order", "order {id $ product_ids $ product_ids $ product_ids $}", before->id, added->id,
         kept->id, kept->id);
  const Ordershop__V1__Order *after = assert_kept("order", before, "product_ids items total_cents");
  CU_ASSERT_EQUAL(after->total_cents, 207);
  CU_ASSERT_EQUAL_FATAL(after->n_items, 2);
  CU_ASSERT_EQUAL(after->items[0]->base.n_unknown_fields, 0);
  CU_ASSERT_TRUE(has_additions(after->items[1]));
  assert_same_but(before->items[0], after->items[1], "quantity");
  CU_ASSERT_EQUAL(after->items[1]->quantity, 2);
  assert_in_view("crm_orders", after);
  assert_in_view("billing_orders", after);

  const Ordershop__V1__Billing *billing = must("CreateBilling", "billing {order_id $}", after->id);
  must("DeleteBilling", "id $", billing->id);
  CU_ASSERT_TRUE(message_equal(arena, stored(entity_place("order", before)), after));
  must("DeleteOrder", "id $", after->id);
  assert_told_as_deleted("order", after);
}

static void billings(void) {
  const Ordershop__V1__Product *product = new_stocked_product(100, 10);
  const Ordershop__V1__Order *order = new_order(new_customer()->id, product->id);
  const Ordershop__V1__Billing *billing = must("CreateBilling", "billing {order_id $}", order->id);
  struct place place = entity_place("billing", billing);
  extend(place);
  const void *last = stored(place);
  must("DeleteBilling", "id $", billing->id);
  assert_told_as_deleted("billing", last);
}

static bool is_sent(const void *argument) {
  const Ordershop__V1__Mail *mail = stored(*(const struct place *)argument);
  return mail->status == ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_SENT;
}

/* As a newer version would change a mail that is still to be delivered. Returns the mail. */
static const Ordershop__V1__Mail *change_mail(struct place place) {
  Ordershop__V1__Mail *mail = stored(place);
  mail->version++;
  add_fields(&mail->base);
  size_t size;
  const void *bytes = message_pack(arena, mail, &size);
  private_redis_command(redis, "HSET %s version %d %s %b", place.key, (int)mail->version, place.field, bytes, size);
  return mail;
}

/* Changed while the mails before it are being delivered. */
static void mails(void) {
  private_shop_arm(shop, ORDERSHOP_MAIL, "mail.after_delivery", "pause");
  must("SendMail", "mail {to 'ada@example.com' subject 'First'}");
  CU_ASSERT_TRUE_FATAL(private_shop_await_point(shop, ORDERSHOP_MAIL, "mail.after_delivery"));
  const Ordershop__V1__Mail *before = must("SendMail", "mail {to 'ada@example.com' subject 'Second' body 'Hello'}");
  struct place place = entity_place("mail", before);
  before = change_mail(place);
  private_shop_release(shop, ORDERSHOP_MAIL, "mail.after_delivery");
  CU_ASSERT_TRUE_FATAL(holds_soon(is_sent, &place));
  Ordershop__V1__Mail *after = assert_kept("mail", before, "status sent_time body");
  CU_ASSERT_PTR_NOT_NULL(after->sent_time);
  CU_ASSERT_STRING_EQUAL(after->body, "");
  after->body = before->body; /* as its created event tells it */
  void *request = request_of("SendMail", "mail {id $ to 'a@b' subject 'Third'} request_id $", before->id, new_id());
  assert_same_answer(ask_message("SendMail", request), after);
  assert_same_answer(ask_message("SendMail", request), after);
}

/* The customer's profile, with its additions. */
static const Ordershop__V1__CustomerProfile *extended_profile(const char *customer_id) {
  const Ordershop__V1__CustomerProfile *profile = must("GetCustomerProfile", "customer_id $", customer_id);
  CU_ASSERT_TRUE(has_additions(profile));
  return profile;
}

static void profiles(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__Product *product = new_stocked_product(100, 10);
  must("GetCustomerProfile", "customer_id $", customer->id);
  extend((struct place){"crm_profiles", customer->id, &ordershop__v1__customer_profile__descriptor});
  must("UpdateCustomer", "customer {id $ name 'Grace'}", customer->id);
  CU_ASSERT_STRING_EQUAL(extended_profile(customer->id)->name, "Grace");
  const Ordershop__V1__Order *order = new_order(customer->id, product->id);
  CU_ASSERT_EQUAL(extended_profile(customer->id)->ordered_cents, 100);
  must("UpdateOrder", "order {id $ product_ids $ product_ids $}", order->id, product->id, product->id);
  CU_ASSERT_EQUAL(extended_profile(customer->id)->ordered_cents, 200);
  const Ordershop__V1__Billing *billing = must("CreateBilling", "billing {order_id $}", order->id);
  CU_ASSERT_EQUAL(extended_profile(customer->id)->billed_cents, 200);
  must("DeleteBilling", "id $", billing->id);
  CU_ASSERT_EQUAL(extended_profile(customer->id)->billed_cents, 0);
  must("DeleteOrder", "id $", order->id);
  const Ordershop__V1__CustomerProfile *last = extended_profile(customer->id);
  CU_ASSERT_EQUAL(last->order_count, 0);
  CU_ASSERT_STRING_EQUAL(last->email, customer->email);
}

/* ---- what callers send ------------------------------------------------------------------------------------------ */

static size_t unknown_count;

static void count_unknown(ProtobufCMessage *message) {
  unknown_count += message->n_unknown_fields;
}

static bool is_plain(const void *message) {
  unknown_count = 0;
  for_each_message((void *)(uintptr_t)message, count_unknown);
  return unknown_count == 0;
}

/* With and without what a newer client adds it is the same request, and nothing of that is in the answer, which is what
 * is stored and what the event tells. */
static const void *ask_as_newer_client(const char *method, const char *stream, void *request) {
  message_set_text(request, "request_id", new_id());
  for_each_message(request, add_fields);
  struct answer answer = ask_message(method, request);
  assert_done(answer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer.message);
  for_each_message(request, remove_fields);
  assert_same_answer(ask_message(method, request), answer.message);
  bool plain = is_plain(answer.message);
  if (!plain) fprintf(stderr, "  %s takes in fields that it does not know\n", method);
  CU_ASSERT_TRUE(plain);
  if (!stream) return answer.message;
  void *told = last_told(stream, answer.message);
  CU_ASSERT_TRUE(message_equal(arena, told, answer.message));
  struct place place = entity_place(arena_memdup(arena, stream, strcspn(stream, "_")), told);
  CU_ASSERT_TRUE(message_equal(arena, stored(place), told));
  return answer.message;
}

#define ASK(method, stream, ...) ask_as_newer_client(method, stream, request_of(method, __VA_ARGS__))

static void requests(void) {
  const Ordershop__V1__Customer *customer =
      ASK("CreateCustomer", "customer_created", "customer {name 'Ada' email 'ada@example.com'}");
  ASK("UpdateCustomer", "customer_updated", "customer {id $ name 'Bea'} update_mask {paths 'name'}", customer->id);
  ASK("BatchCreateCustomers", NULL, "customers {name 'Ada' email 'a@b'} customers {name 'Bea' email 'b@c'}");
  const Ordershop__V1__Product *product = ASK("CreateProduct", "product_created", "product {name 'Pot' price_cents 5}");
  ASK("UpdateProduct", "product_updated", "product {id $ name 'Pan' price_cents 6} update_mask {paths '*'}",
      product->id);
  ASK("BatchCreateProducts", NULL, "products {name 'Pot'} products {name 'Pan'}");
  const Ordershop__V1__Inventory *inventory =
      ASK("CreateInventory", "inventory_created", "inventory {product_id $ amount 9}", product->id);
  ASK("UpdateInventory", "inventory_updated", "inventory {id $ amount 8} update_mask {paths 'amount'}", inventory->id);
  ASK("AdjustStock", "inventory_updated", "product_id $ delta 5", product->id);
  ASK("BatchCreateInventories", NULL, "inventories {product_id $}", new_product(5)->id);
  const Ordershop__V1__Order *order =
      ASK("CreateOrder", "order_created", "order {customer_id $ product_ids $}", customer->id, product->id);
  ASK("UpdateOrder", "order_updated", "order {id $ product_ids $ product_ids $} update_mask {paths 'product_ids'}",
      order->id, product->id, product->id);
  const Ordershop__V1__Billing *billing = ASK("CreateBilling", "billing_created", "billing {order_id $}", order->id);
  ASK("SendMail", NULL, "mail {to 'a@b' subject 'Hello'}");
  ASK("BatchSendMails", NULL, "mails {to 'a@b' subject 'Hello'} mails {to 'b@c' subject 'Hello'}");
  ASK("DeleteBilling", NULL, "id $", billing->id);
  ASK("DeleteOrder", NULL, "id $", order->id);
  ASK("DeleteInventory", NULL, "id $", inventory->id);
  ASK("DeleteProduct", NULL, "id $", product->id);
  ASK("DeleteCustomer", NULL, "id $", customer->id);
}

/* ---- what is no such thing -------------------------------------------------------------------------------------- */

static void store_bytes(const char *key, const char *bytes, size_t size) {
  CU_ASSERT_EQUAL(private_redis_number(redis, "HSET %s _entity %b", key, bytes, size), 0);
}

/* No protobuf; a name that is not UTF-8; nothing but what all fields may be: left out. */
static void undecodable(void) {
  const char *id = new_customer()->id;
  const char *key = arena_printf(arena, "customer_entity:%s", id);
  store_bytes(key, "\xff\xff", 2);
  assert_refused(ask("GetCustomer", "id $", id), STATUS_DATA_LOSS, "ENTITY_UNDECODABLE");
  store_bytes(key, "\x12\x02\xc3\x28", 4);
  assert_refused(ask("GetCustomer", "id $", id), STATUS_DATA_LOSS, "ENTITY_UNDECODABLE");
  store_bytes(key, "", 0);
  const Ordershop__V1__Customer *empty = must("GetCustomer", "id $", id);
  CU_ASSERT_STRING_EQUAL(empty->name, "");
}

static const struct test tests[] = {
    {"a customer's newer fields outlive updates and are told of its deletion", customers},
    {"a product's newer fields outlive updates and are told of its deletion", products},
    {"an inventory's newer fields outlive all that moves the stock and are told of its deletion", inventories},
    {"an order's newer fields, those of its items too, outlive updates and are told of its deletion", orders},
    {"a billing's newer fields are told of its deletion", billings},
    {"a mail's newer fields outlive its delivery", mails},
    {"a profile's newer fields outlive all events of its customer", profiles},
    {"what is stored and can't be decoded is DATA_LOSS, not an answer", undecodable},
    {"what a request has besides the known fields is ignored by every command", requests},
};

int main(int argc, char **argv) {
  return suite_main("unknown fields", tests, SUITE_SIZE(tests), api_set_up, api_tear_down, argc, argv);
}
