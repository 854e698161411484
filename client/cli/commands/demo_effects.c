/* SPDX-License-Identifier: Apache-2.0 */
/* The demo's chapters about what the services do by themselves. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "client/cli/commands/demo.h"
#include "client/cli/output/terminal_text.h"
#include "client/crm_client.h"
#include "client/inventory_client.h"
#include "client/mail_client.h"
#include "money.h"

enum { LIST_PAGE = 1000, POLL_MS = 100, MAILS = 32 };

static void sleep_a_little(void) {
  nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000}, NULL);
}

/* ---- mails ------------------------------------------------------------------------------------------------------ */

/* Everybody got a welcome, a thank-you and a payment request; one more the first, who paid, and the third, who left. */
static size_t mails_due(int number) {
  return number == 0 || number == 2 ? 4 : 3;
}

static struct status list_mails(struct demo *demo, int number, const Ordershop__V1__ListMailsResponse **ret_response) {
  const struct context context = {.arena = demo->arena};
  Ordershop__V1__ListMailsRequest request = ORDERSHOP__V1__LIST_MAILS_REQUEST__INIT;
  request.to = demo->customers[number]->email;
  request.page_size = LIST_PAGE;
  return ordershop_list_mails(demo->client, &context, &request, ret_response);
}

static struct status count_mails(struct demo *demo, size_t *counts, size_t *ret_total) {
  size_t total = 0;
  for (int i = 0; i < DEMO_COUNT; i++) {
    const Ordershop__V1__ListMailsResponse *response;
    struct status status = list_mails(demo, i, &response);
    if (!status_is_ok(status)) return status;
    counts[i] = response->n_mails;
    total += response->n_mails;
  }
  *ret_total = total;
  return status_ok();
}

/* Waits until all mails are there, or the demo's time is over. */
static struct status await_mails(struct demo *demo, size_t *counts, size_t *ret_total) {
  int64_t deadline_us = clock_monotonic_us() + demo->timeout_ms * 1000;
  for (;;) {
    struct status status = count_mails(demo, counts, ret_total);
    if (!status_is_ok(status) || *ret_total >= MAILS || clock_monotonic_us() > deadline_us) return status;
    sleep_a_little();
  }
}

static struct status tell_mails_of(struct demo *demo, int number) {
  const Ordershop__V1__ListMailsResponse *response;
  struct status status = list_mails(demo, number, &response);
  if (!status_is_ok(status)) return status;
  story_tell(&demo->story, "%s got:", demo->customers[number]->name);
  for (size_t i = 0; i < response->n_mails; i++) {
    story_tell(&demo->story, "  \"%s\"", terminal_line(demo->arena, response->mails[i]->subject));
  }
  return status_ok();
}

static struct status count_interactions(struct demo *demo, size_t *counts, size_t kinds) {
  for (int i = 0; i < DEMO_COUNT; i++) {
    const struct context context = {.arena = demo->arena};
    Ordershop__V1__ListInteractionsRequest request = ORDERSHOP__V1__LIST_INTERACTIONS_REQUEST__INIT;
    request.customer_id = demo->customers[i]->id;
    const Ordershop__V1__ListInteractionsResponse *response;
    struct status status = ordershop_list_interactions(demo->client, &context, &request, &response);
    if (!status_is_ok(status)) return status;
    for (size_t j = 0; j < response->n_interactions; j++) {
      size_t kind = (size_t)response->interactions[j]->kind;
      if (kind < kinds) counts[kind]++;
    }
  }
  return status_ok();
}

static struct status check_interactions(struct demo *demo) {
  size_t counts[ORDERSHOP__V1__INTERACTION_KIND__INTERACTION_KIND_ORDER_CANCELLED + 1] = {0};
  struct status status = count_interactions(demo, counts, sizeof(counts) / sizeof(counts[0]));
  if (!status_is_ok(status)) return status;
  size_t welcomes = counts[ORDERSHOP__V1__INTERACTION_KIND__INTERACTION_KIND_WELCOME];
  size_t thanks = counts[ORDERSHOP__V1__INTERACTION_KIND__INTERACTION_KIND_THANK_YOU];
  size_t good_byes = counts[ORDERSHOP__V1__INTERACTION_KIND__INTERACTION_KIND_GOOD_BYE];
  size_t payments = counts[ORDERSHOP__V1__INTERACTION_KIND__INTERACTION_KIND_PAYMENT_RECEIVED];
  size_t cancelled = counts[ORDERSHOP__V1__INTERACTION_KIND__INTERACTION_KIND_ORDER_CANCELLED];
  story_check(&demo->story, welcomes == 10 && thanks == 10 && good_byes == 1 && payments == 1 && cancelled == 1,
              "CRM saw %zu welcomes, %zu thank-yous, %zu good-bye, %zu payment, %zu cancelled order "
              "(10, 10, 1, 1, 1 should be)",
              welcomes, thanks, good_byes, payments, cancelled);
  return status_ok();
}

struct status demo_check_mails(struct demo *demo) {
  size_t counts[DEMO_COUNT], total = 0;
  struct status status = await_mails(demo, counts, &total);
  if (!status_is_ok(status)) return status;
  story_check(&demo->story, total == MAILS,
              "%zu mails were written, %d should be: 10 welcome, 10 thank you, 10 payment requests, 1 good-bye, "
              "1 payment received",
              total, MAILS);
  for (int i = 0; i < DEMO_COUNT; i++) {
    if (counts[i] == mails_due(i)) continue;
    story_check(&demo->story, false, "%s got %zu mails, not %zu", demo->customers[i]->name, counts[i], mails_due(i));
  }
  status = check_interactions(demo);
  if (status_is_ok(status)) status = tell_mails_of(demo, 0);
  return status_is_ok(status) ? tell_mails_of(demo, 2) : status;
}

/* ---- stock ------------------------------------------------------------------------------------------------------ */

static int64_t units_ordered(const struct demo *demo) {
  int64_t units = 0;
  for (int i = 0; i < DEMO_COUNT; i++) units += i == 2 ? 0 : (int64_t)demo->orders[i]->n_product_ids;
  return units;
}

struct status demo_check_stock(struct demo *demo) {
  int64_t available = 0, held = 0;
  for (int i = 0; i < DEMO_COUNT; i++) {
    const struct context context = {.arena = demo->arena};
    Ordershop__V1__ListInventoriesRequest request = ORDERSHOP__V1__LIST_INVENTORIES_REQUEST__INIT;
    request.product_id = demo->products[i]->id;
    const Ordershop__V1__ListInventoriesResponse *response;
    struct status status = ordershop_list_inventories(demo->client, &context, &request, &response);
    if (!status_is_ok(status)) return status;
    for (size_t j = 0; j < response->n_inventories; j++) {
      available += response->inventories[j]->amount;
      held += response->inventories[j]->reserved_amount;
    }
  }
  int64_t ordered = units_ordered(demo);
  story_check(&demo->story, available + held == 100 * DEMO_COUNT, "%" PRId64 " available and %" PRId64 " held make %d",
              available, held, 100 * DEMO_COUNT);
  story_check(&demo->story, held == ordered, "%" PRId64 " units are ordered", ordered);
  return status_ok();
}

/* ---- profile ---------------------------------------------------------------------------------------------------- */

struct status demo_check_profile(struct demo *demo) {
  const struct context context = {.arena = demo->arena};
  Ordershop__V1__GetCustomerProfileRequest request = ORDERSHOP__V1__GET_CUSTOMER_PROFILE_REQUEST__INIT;
  request.customer_id = demo->customers[0]->id;
  const Ordershop__V1__CustomerProfile *profile;
  struct status status = ordershop_get_customer_profile(demo->client, &context, &request, &profile);
  if (!status_is_ok(status)) return status;
  story_check(&demo->story,
              profile->order_count == 1 && profile->ordered_cents == demo->orders[0]->total_cents &&
                  profile->billed_cents == demo->billing->amount_cents,
              "%s has ordered %" PRId64 " time, for %s, and paid %s", demo->customers[0]->name, profile->order_count,
              money_text(demo->arena, profile->ordered_cents), money_text(demo->arena, profile->billed_cents));
  request.customer_id = demo->customers[2]->id;
  status = ordershop_get_customer_profile(demo->client, &context, &request, &profile);
  story_check(&demo->story, status.code == STATUS_NOT_FOUND, "the deleted customer has no profile any more");
  return status_ok();
}
