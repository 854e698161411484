/* SPDX-License-Identifier: Apache-2.0 */
/* What customers get to read and what the shop knows of them: profiles, interactions, mails; and that nobody's name
 * makes a mail's headers. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "base/message.h"
#include "base/timestamp.h"

typedef Ordershop__V1__InteractionKind kind;
#define KIND(name) ORDERSHOP__V1__INTERACTION_KIND__INTERACTION_KIND_##name

static const Ordershop__V1__ListInteractionsResponse *interactions_with(const char *customer_id) {
  return must("ListInteractions", "page_size 1000 customer_id $", customer_id);
}

static void assert_profile(const char *customer_id, int64_t orders, int64_t ordered, int64_t billed) {
  const Ordershop__V1__CustomerProfile *profile = must("GetCustomerProfile", "customer_id $", customer_id);
  CU_ASSERT_EQUAL(profile->order_count, orders);
  CU_ASSERT_EQUAL(profile->ordered_cents, ordered);
  CU_ASSERT_EQUAL(profile->billed_cents, billed);
}

/* The id of the event in the latest entry of a stream. */
static const char *latest_event(const char *stream) {
  const char *key = key_of(arena_printf(arena, "events:%s", stream));
  const struct redis_reply *entries = private_redis_reply(redis_of(stream), arena, "XREVRANGE %s + - COUNT 1", key);
  const struct redis_reply *fields = redis_reply_at(redis_reply_at(entries, 0), 1);
  return redis_reply_text(redis_reply_field(fields, "event_id"));
}

/* ---- profiles --------------------------------------------------------------------------------------------------- */

static void a_profile_follows_its_customer(void) {
  const Ordershop__V1__Customer *customer = must("CreateCustomer", "customer {name 'Ada' email 'ada@example.com'}");
  const Ordershop__V1__CustomerProfile *profile = must("GetCustomerProfile", "customer_id $", customer->id);
  CU_ASSERT_STRING_EQUAL(profile->customer_id, customer->id);
  CU_ASSERT_STRING_EQUAL(profile->name, "Ada");
  CU_ASSERT_STRING_EQUAL(profile->email, "ada@example.com");
  CU_ASSERT_PTR_NOT_NULL(profile->last_interaction_time);
  assert_profile(customer->id, 0, 0, 0);
  must("UpdateCustomer", "customer {id $ name 'Bea' email 'bea@example.com'}", customer->id);
  profile = must("GetCustomerProfile", "customer_id $", customer->id);
  CU_ASSERT_STRING_EQUAL(profile->name, "Bea");
  CU_ASSERT_STRING_EQUAL(profile->email, "bea@example.com");
  must("DeleteCustomer", "id $", customer->id);
  assert_not_found(ask("GetCustomerProfile", "customer_id $", customer->id), "customer_profile", customer->id);
}

static void counts_and_sums_are_of_the_orders_and_billings_that_exist(void) {
  const char *id = new_customer()->id, *product_id = new_stocked_product(100, 100)->id;
  const Ordershop__V1__Order *first = new_order(id, product_id), *second = new_order(id, product_id);
  assert_profile(id, 2, 200, 0);
  must("UpdateOrder", "order {id $ product_ids $ product_ids $ product_ids $}", first->id, product_id, product_id,
       product_id);
  assert_profile(id, 2, 400, 0);
  const Ordershop__V1__Billing *billing = must("CreateBilling", "billing {order_id $}", first->id);
  assert_profile(id, 2, 400, 300);
  must("DeleteOrder", "id $", second->id);
  assert_profile(id, 1, 300, 300);
  must("DeleteBilling", "id $", billing->id);
  assert_profile(id, 1, 300, 0);
  must("UpdateOrder", "order {id $ product_ids $}", first->id, product_id);
  must("CreateBilling", "billing {order_id $}", first->id);
  assert_profile(id, 1, 100, 100);
}

static void a_profile_tells_the_time_of_the_last_interaction(void) {
  const char *id = new_customer()->id, *product_id = new_stocked_product(100, 100)->id;
  const Ordershop__V1__CustomerProfile *before = must("GetCustomerProfile", "customer_id $", id);
  must("UpdateCustomer", "customer {id $ name 'Bea'}", id);
  const Ordershop__V1__CustomerProfile *same = must("GetCustomerProfile", "customer_id $", id);
  CU_ASSERT_EQUAL(timestamp_unix_us(same->last_interaction_time), timestamp_unix_us(before->last_interaction_time));
  new_order(id, product_id);
  const Ordershop__V1__CustomerProfile *after = must("GetCustomerProfile", "customer_id $", id);
  CU_ASSERT_TRUE(timestamp_unix_us(after->last_interaction_time) > timestamp_unix_us(before->last_interaction_time));
}

/* ---- interactions ----------------------------------------------------------------------------------------------- */

static void assert_interaction(const Ordershop__V1__Interaction *interaction, kind wanted, const char *customer_id,
                               const char *subject_id, const char *cause) {
  CU_ASSERT_EQUAL(interaction->kind, wanted);
  CU_ASSERT_STRING_EQUAL(interaction->customer_id, customer_id);
  CU_ASSERT_STRING_EQUAL(interaction->subject_id, subject_id);
  CU_ASSERT_STRING_EQUAL(interaction->cause, cause);
  CU_ASSERT_EQUAL(interaction->version, 1);
}

static bool mail_exists(const void *id) {
  return status_is_ok(ask("GetMail", "id $", id).status);
}

static void every_step_is_an_interaction_with_its_cause_and_its_mail(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const char *causes[5], *product_id = new_stocked_product(100, 100)->id;
  causes[0] = latest_event("customer_created");
  const Ordershop__V1__Order *order = new_order(customer->id, product_id);
  causes[1] = latest_event("order_created");
  const Ordershop__V1__Billing *billing = must("CreateBilling", "billing {order_id $}", order->id);
  causes[2] = latest_event("billing_created");
  const Ordershop__V1__Order *cancelled = new_order(customer->id, product_id);
  must("DeleteOrder", "id $", cancelled->id);
  causes[3] = latest_event("order_deleted");
  must("DeleteCustomer", "id $", customer->id);
  causes[4] = latest_event("customer_deleted");

  const Ordershop__V1__ListInteractionsResponse *list = interactions_with(customer->id);
  CU_ASSERT_EQUAL_FATAL(list->n_interactions, 6);
  assert_interaction(list->interactions[0], KIND(WELCOME), customer->id, customer->id, causes[0]);
  assert_interaction(list->interactions[1], KIND(THANK_YOU), customer->id, order->id, causes[1]);
  assert_interaction(list->interactions[2], KIND(PAYMENT_RECEIVED), customer->id, billing->id, causes[2]);
  CU_ASSERT_EQUAL(list->interactions[3]->kind, KIND(THANK_YOU));
  assert_interaction(list->interactions[4], KIND(ORDER_CANCELLED), customer->id, cancelled->id, causes[3]);
  assert_interaction(list->interactions[5], KIND(GOOD_BYE), customer->id, customer->id, causes[4]);
  for (size_t i = 0; i < 6; i++) {
    const Ordershop__V1__Interaction *interaction = list->interactions[i];
    if (i == 4) {
      CU_ASSERT_STRING_EQUAL(interaction->mail_id, "");
      continue;
    }
    CU_ASSERT_TRUE_FATAL(holds_soon(mail_exists, interaction->mail_id));
    const Ordershop__V1__Mail *mail = must("GetMail", "id $", interaction->mail_id);
    CU_ASSERT_STRING_EQUAL(mail->to, customer->email);
    CU_ASSERT_STRING_EQUAL(mail->cause, interaction->cause);
  }
}

static void what_befalls_a_deleted_customers_orders_is_an_interaction_without_a_mail(void) {
  const char *id = new_customer()->id, *product_id = new_stocked_product(100, 100)->id;
  const Ordershop__V1__Order *paid = new_order(id, product_id), *cancelled = new_order(id, product_id);
  must("DeleteCustomer", "id $", id);
  must("CreateBilling", "billing {order_id $}", paid->id);
  must("DeleteOrder", "id $", cancelled->id);
  const Ordershop__V1__ListInteractionsResponse *list = interactions_with(id);
  CU_ASSERT_EQUAL_FATAL(list->n_interactions, 6);
  CU_ASSERT_EQUAL(list->interactions[3]->kind, KIND(GOOD_BYE));
  CU_ASSERT_EQUAL(list->interactions[4]->kind, KIND(PAYMENT_RECEIVED));
  CU_ASSERT_STRING_EQUAL(list->interactions[4]->mail_id, "");
  CU_ASSERT_EQUAL(list->interactions[5]->kind, KIND(ORDER_CANCELLED));
  CU_ASSERT_STRING_EQUAL(list->interactions[5]->mail_id, "");
  assert_not_found(ask("GetCustomerProfile", "customer_id $", id), "customer_profile", id);
}

static void stock_that_is_added_and_removed_is_an_interaction_with_nobody(void) {
  const Ordershop__V1__Inventory *inventory = stock_of(new_stocked_product(1, 5)->id);
  const char *added = latest_event("inventory_created");
  must("AdjustStock", "product_id $ delta 1", inventory->product_id);
  must("DeleteInventory", "id $", inventory->id);
  const char *removed = latest_event("inventory_deleted");
  const Ordershop__V1__ListInteractionsResponse *list = must("ListInteractions", "page_size 1000");
  CU_ASSERT_TRUE_FATAL(list->n_interactions >= 2);
  Ordershop__V1__Interaction *const *last = &list->interactions[list->n_interactions - 2];
  assert_interaction(last[0], KIND(INVENTORY_ADDED), "", inventory->id, added);
  assert_interaction(last[1], KIND(INVENTORY_REMOVED), "", inventory->id, removed);
}

/* ---- mails ------------------------------------------------------------------------------------------------------ */

struct wanted_mail {
  const char *to, *subject;
  const Ordershop__V1__Mail *found;
};

static bool mail_is_sent(const void *argument) {
  struct wanted_mail *wanted = (struct wanted_mail *)(uintptr_t)argument;
  const Ordershop__V1__ListMailsResponse *mails = must("ListMails", "to $", wanted->to);
  for (size_t i = 0; i < mails->n_mails; i++) {
    bool is_sent = mails->mails[i]->status == ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_SENT;
    if (is_sent && strstr(mails->mails[i]->subject, wanted->subject)) wanted->found = mails->mails[i];
  }
  return wanted->found;
}

static const Ordershop__V1__Mail *sent_mail(const char *to, const char *subject) {
  struct wanted_mail wanted = {.to = to, .subject = subject};
  CU_ASSERT_TRUE_FATAL(holds_soon(mail_is_sent, &wanted));
  return wanted.found;
}

/* The file that a mail became. */
static const char *file_of(const Ordershop__V1__Mail *mail) {
  FILE *file = fopen(arena_printf(arena, "%s/%s.eml", private_shop_mail_folder(shop), mail->id), "re");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  char *text = arena_calloc(arena, 1, 1 << 17);
  size_t size = fread(text, 1, (1 << 17) - 1, file);
  fclose(file);
  CU_ASSERT_TRUE(size > 0);
  return text;
}

static void assert_contains(const char *text, const char *part) {
  if (!strstr(text, part)) fprintf(stderr, "  no \"%s\" in:\n%s\n", part, text);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, part));
}

static void mails_name_amounts_products_and_quantities(void) {
  const Ordershop__V1__Customer *customer =
      must("CreateCustomer", "customer {name 'Ada Lovelace' email 'texts@example.com'}");
  const Ordershop__V1__Product *kettle = must("CreateProduct", "product {name 'Kettle' price_cents 1234}");
  const Ordershop__V1__Product *tea = must("CreateProduct", "product {name 'Gr\u00fcner Tee' price_cents 5}");
  must("BatchCreateInventories", "inventories {product_id $ amount 9} inventories {product_id $ amount 9}", kettle->id,
       tea->id);
  const Ordershop__V1__Order *order =
      must("CreateOrder", "order {customer_id $ product_ids $ product_ids $ product_ids $}", customer->id, kettle->id,
           tea->id, kettle->id);
  must("CreateBilling", "billing {order_id $}", order->id);
  must("DeleteCustomer", "id $", customer->id);

  const Ordershop__V1__Mail *thanks = sent_mail(customer->email, "Thank you");
  assert_contains(thanks->body, "Ada Lovelace");
  assert_contains(thanks->body, "2 x Kettle, EUR 12.34 each");
  assert_contains(thanks->body, "1 x Gr\u00fcner Tee, EUR 0.05 each");
  assert_contains(thanks->body, "Total: EUR 24.73");
  assert_contains(thanks->body, order->id);
  assert_contains(sent_mail(customer->email, "Please pay")->body, "EUR 24.73");
  assert_contains(sent_mail(customer->email, "received your payment")->body, "EUR 24.73");
  assert_contains(sent_mail(customer->email, "Welcome")->body, "Ada Lovelace");
  assert_contains(sent_mail(customer->email, "Good-bye")->body, "Ada Lovelace");
  const Ordershop__V1__ListMailsResponse *all = must("ListMails", "to 'texts@example.com'");
  CU_ASSERT_EQUAL(all->n_mails, 5);

  const char *file = file_of(thanks);
  assert_contains(file, "To: texts@example.com\n");
  assert_contains(file, "Subject: Thank you for your order\n");
  assert_contains(file, "2 x Kettle, EUR 12.34 each");
  assert_contains(file, "Gr\u00fcner Tee");
  assert_contains(file, arena_printf(arena, "Message-ID: <%s@", thanks->id));
}

/* Header fields of a file, one a line; folded ones are counted as one. */
static int header_count(const char *file) {
  int count = 0;
  for (const char *line = file; *line && *line != '\n'; line = strchr(line, '\n') + 1) {
    if (*line != ' ' && *line != '\t') count++;
  }
  return count;
}

static const char *const nasty_names[] = {
    "Bcc: victim@example.com",
    "\\r\\nBcc: victim@example.com",
    "%0d%0aBcc: victim@example.com",
    "=?utf-8?Q?=0D=0ABcc:_victim@example.com?=",
    "\u560a\u560dBcc: victim@example.com", /* whose last bytes are CR and LF where bytes are cut */
    "a, <victim@example.com>",
    "\"quoted\" (comment) <x@y>; group:",
    ".",
    "From me",
    "-- \u202eevil",
};

static void no_name_makes_a_header(void) {
  int headers = 0;
  for (size_t i = 0; i < sizeof nasty_names / sizeof *nasty_names; i++) {
    const char *name = nasty_names[i], *email = arena_printf(arena, "nasty%zu@example.com", i);
    const Ordershop__V1__Customer *customer = must("CreateCustomer", "customer {name $ email $}", name, email);
    const Ordershop__V1__Product *product = must("CreateProduct", "product {name $ price_cents 1}", name);
    must("CreateInventory", "inventory {product_id $ amount 9}", product->id);
    new_order(customer->id, product->id);
    const char *files[] = {file_of(sent_mail(email, "Welcome")), file_of(sent_mail(email, "Thank you"))};
    for (int f = 0; f < 2; f++) {
      if (headers == 0) headers = header_count(files[f]);
      CU_ASSERT_EQUAL(header_count(files[f]), headers);
      const char *body = strstr(files[f], "\n\n");
      CU_ASSERT_PTR_NOT_NULL_FATAL(body);
      char *header = arena_memdup(arena, files[f], (size_t)(body - files[f]));
      CU_ASSERT_PTR_NULL(strcasestr(header, "bcc:"));
      CU_ASSERT_PTR_NULL(strstr(header, "victim"));
      CU_ASSERT_PTR_NULL(strchr(files[f], '\r'));
      assert_contains(body, arena_printf(arena, "Dear %s,\n", name));
    }
  }
}

static void no_subject_makes_a_header(void) {
  for (size_t i = 0; i < sizeof nasty_names / sizeof *nasty_names; i++) {
    const char *email = arena_printf(arena, "subject%zu@example.com", i);
    const Ordershop__V1__Mail *mail = must("SendMail", "mail {to $ subject $ body 'Hello'}", email, nasty_names[i]);
    const char *file = file_of(sent_mail(email, mail->subject));
    CU_ASSERT_EQUAL(header_count(file), 10);
    for (const char *line = strchr(file, '\n'); line && line[1] != '\n'; line = strchr(line + 1, '\n')) {
      CU_ASSERT_NOT_EQUAL(strncasecmp(line + 1, "Bcc", 3), 0);
    }
  }
}

static bool is_sent(const void *id) {
  const Ordershop__V1__Mail *mail = must("GetMail", "id $", id);
  return mail->status == ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_SENT;
}

static void a_mail_is_sent_once_however_often_its_id_comes(void) {
  const char *id = new_id();
  const Ordershop__V1__Mail *first = must("SendMail", "mail {id $ to 'once@example.com' subject 'First'}", id);
  CU_ASSERT_STRING_EQUAL(first->id, id);
  CU_ASSERT_TRUE(holds_soon(is_sent, id));
  int64_t created = events_of("mail_created");
  const Ordershop__V1__Mail *mail = must("GetMail", "id $", id);
  CU_ASSERT_EQUAL(mail->version, 2);
  CU_ASSERT_PTR_NOT_NULL(mail->sent_time);
  struct answer again = ask("SendMail", "mail {id $ to 'other@example.com' subject 'Second'}", id);
  assert_same_answer(again, mail);
  assert_done(again);
  const Ordershop__V1__BatchSendMailsResponse *batch =
      must("BatchSendMails", "mails {to 'a@b' subject 'New'} mails {id $ to 'c@d' subject 'Third'}", id);
  CU_ASSERT_EQUAL_FATAL(batch->n_mails, 2);
  CU_ASSERT_TRUE(message_equal(arena, batch->mails[1], mail));
  CU_ASSERT_EQUAL(events_of("mail_created"), created + 1);
  const Ordershop__V1__ListMailsResponse *none = must("ListMails", "to 'other@example.com'");
  CU_ASSERT_EQUAL(none->n_mails, 0);
}

static void an_address_that_was_changed_gets_the_later_mails(void) {
  const Ordershop__V1__Customer *customer = must("CreateCustomer", "customer {name 'Ada' email 'old@example.com'}");
  const char *product_id = new_stocked_product(1, 9)->id;
  must("UpdateCustomer", "customer {id $ name 'Bea' email 'new@example.com'}", customer->id);
  new_order(customer->id, product_id);
  assert_contains(sent_mail("new@example.com", "Thank you")->body, "Dear Bea,");
  assert_contains(sent_mail("new@example.com", "Please pay")->body, "Dear Bea,");
  const Ordershop__V1__ListMailsResponse *old = must("ListMails", "to 'old@example.com'");
  CU_ASSERT_EQUAL(old->n_mails, 1);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a profile follows its customer", a_profile_follows_its_customer},
      {"counts and sums are of the orders and billings that exist",
       counts_and_sums_are_of_the_orders_and_billings_that_exist},
      {"a profile tells the time of the last interaction", a_profile_tells_the_time_of_the_last_interaction},
      {"every step is an interaction, with its cause and its mail",
       every_step_is_an_interaction_with_its_cause_and_its_mail},
      {"what befalls a deleted customer's orders is an interaction without a mail",
       what_befalls_a_deleted_customers_orders_is_an_interaction_without_a_mail},
      {"stock that is added and removed is an interaction with nobody",
       stock_that_is_added_and_removed_is_an_interaction_with_nobody},
      {"mails name amounts, products and quantities", mails_name_amounts_products_and_quantities},
      {"no name makes a header", no_name_makes_a_header},
      {"no subject makes a header", no_subject_makes_a_header},
      {"a mail is sent once, however often its id comes", a_mail_is_sent_once_however_often_its_id_comes},
      {"an address that was changed gets the later mails", an_address_that_was_changed_gets_the_later_mails},
  };
  return suite_main("API: CRM and mails", tests, SUITE_SIZE(tests), api_set_up, api_tear_down, argc, argv);
}
