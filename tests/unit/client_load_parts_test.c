/* SPDX-License-Identifier: Apache-2.0 */
/* What the load generator is made of: its histogram, its schedule, its mix, its requests, and its picture. */
#include <math.h>
#include <ordershop/v1/inventory.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/uuid.h"
#include "client/load/fsync_probe.h"
#include "client/load/histogram.h"
#include "client/load/load.h"
#include "client/load/load_mix.h"
#include "client/load/plot.h"
#include "client/load/request_form.h"
#include "client/load/schedule.h"
#include "client/target.h"
#include "shipped_services.h"
#include "suite.h"

/* ---- histogram -------------------------------------------------------------------------------------------------- */

static struct histogram *histogram_new(struct arena *arena) {
  return arena_calloc(arena, 1, sizeof(struct histogram));
}

static void finds_percentiles(void) {
  struct arena *arena = arena_new();
  struct histogram *histogram = histogram_new(arena);
  for (int i = 10000; i > 0; i--) histogram_add(histogram, i * 1000);
  CU_ASSERT_DOUBLE_EQUAL(histogram_percentile(histogram, 50), 5000, 5000.0 / 128);
  CU_ASSERT_DOUBLE_EQUAL(histogram_percentile(histogram, 99), 9900, 9900.0 / 128);
  CU_ASSERT_DOUBLE_EQUAL(histogram_percentile(histogram, 99.99), 9999, 9999.0 / 128);
  CU_ASSERT_DOUBLE_EQUAL(histogram_percentile(histogram, 0), 1, 1.0 / 128);
  CU_ASSERT_EQUAL(histogram_percentile(histogram, 100), 10000);
  CU_ASSERT_DOUBLE_EQUAL(histogram_mean(histogram), 5000.5, 0.001);
  arena_free(arena);
}

static void bears_few_durations(void) {
  struct arena *arena = arena_new();
  struct histogram *histogram = histogram_new(arena);
  CU_ASSERT_EQUAL(histogram_percentile(histogram, 50), 0);
  CU_ASSERT_EQUAL(histogram_mean(histogram), 0);
  histogram_add(histogram, 1500);
  CU_ASSERT_EQUAL(histogram_percentile(histogram, 1), 1.5);
  CU_ASSERT_EQUAL(histogram_percentile(histogram, 99.99), 1.5);
  arena_free(arena);
}

/* Of one duration d and one that is much longer, the median is d's bucket. */
static double median_of_two(struct arena *arena, int64_t duration_us) {
  struct histogram *histogram = histogram_new(arena);
  histogram_add(histogram, duration_us);
  histogram_add(histogram, INT64_C(1) << 36);
  return histogram_percentile(histogram, 50) * 1000;
}

static void errs_by_less_than_one_percent(void) {
  struct arena *arena = arena_new();
  for (int64_t duration_us = 1; duration_us < INT64_C(60000000000); duration_us += duration_us / 14 + 1) {
    double found = median_of_two(arena, duration_us);
    CU_ASSERT(found >= (double)duration_us && found <= (double)duration_us * (1 + 1.0 / 128));
    arena_reset(arena);
  }
  for (int64_t duration_us = 0; duration_us < 256; duration_us++) {
    CU_ASSERT_EQUAL(median_of_two(arena, duration_us), (double)duration_us);
    arena_reset(arena);
  }
  arena_free(arena);
}

static void bears_what_is_beyond_its_buckets(void) {
  struct arena *arena = arena_new();
  struct histogram *histogram = histogram_new(arena);
  histogram_add(histogram, -5);
  histogram_add(histogram, INT64_MAX);
  CU_ASSERT_EQUAL(histogram->count, 2);
  CU_ASSERT_EQUAL(histogram->min_us, 0);
  CU_ASSERT_EQUAL(histogram_percentile(histogram, 50), 0);
  CU_ASSERT_EQUAL(histogram_percentile(histogram, 100), (double)INT64_MAX / 1000);
  arena_free(arena);
}

static void merges_to_what_one_would_have_counted(void) {
  struct arena *arena = arena_new();
  struct histogram *whole = histogram_new(arena), *left = histogram_new(arena), *right = histogram_new(arena);
  for (int i = 1; i <= 5000; i++) {
    histogram_add(whole, i * 37);
    histogram_add(i % 3 == 0 ? left : right, i * 37);
  }
  histogram_merge(left, right);
  CU_ASSERT_EQUAL(memcmp(left->buckets, whole->buckets, sizeof(whole->buckets)), 0);
  CU_ASSERT_EQUAL(left->count, whole->count);
  CU_ASSERT_EQUAL(left->min_us, whole->min_us);
  CU_ASSERT_EQUAL(left->max_us, whole->max_us);
  histogram_merge(left, histogram_new(arena));
  CU_ASSERT_EQUAL(left->min_us, 37);
  arena_free(arena);
}

/* ---- schedule --------------------------------------------------------------------------------------------------- */

static void spaces_calls_evenly(void) {
  struct schedule schedule = {.begin_us = 1000, .rate = 3};
  CU_ASSERT_EQUAL(schedule_due_us(&schedule), 1000);
  schedule.number = 1;
  CU_ASSERT_EQUAL(schedule_due_us(&schedule), 1000 + 333333);
  schedule.number = 2;
  CU_ASSERT_EQUAL(schedule_due_us(&schedule), 1000 + 666666);
}

static void does_not_drift(void) {
  for (int rate = 1; rate <= 1000000; rate = rate * 7 + 3) {
    struct schedule schedule = {.begin_us = 5, .rate = rate, .number = (uint64_t)rate * 86400 * 365};
    CU_ASSERT_EQUAL(schedule_due_us(&schedule), 5 + INT64_C(86400) * 365 * 1000000);
  }
}

/* ---- mix -------------------------------------------------------------------------------------------------------- */

static void reads_a_mix(void) {
  struct arena *arena = arena_new();
  struct load_mix mix;
  CU_ASSERT(status_is_ok(load_mix_parse(arena, "CreateOrder=5,GetCustomer=80,ListMails", &mix)));
  CU_ASSERT_EQUAL(mix.count, 3);
  CU_ASSERT_EQUAL(mix.total, 86);
  CU_ASSERT_STRING_EQUAL(mix.shares[1].command->method, "GetCustomer");
  CU_ASSERT_EQUAL(mix.shares[1].weight, 80);
  CU_ASSERT_EQUAL(mix.shares[2].weight, 1);
  arena_free(arena);
}

static void gives_each_command_its_share(void) {
  struct arena *arena = arena_new();
  struct load_mix mix;
  size_t counts[3] = {0};
  CU_ASSERT(status_is_ok(load_mix_parse(arena, "CreateOrder=5,GetCustomer=80,ListMails=15", &mix)));
  for (uint64_t random = 0; random < 1000; random++) counts[load_mix_pick(&mix, random)]++;
  CU_ASSERT_EQUAL(counts[0], 50);
  CU_ASSERT_EQUAL(counts[1], 800);
  CU_ASSERT_EQUAL(counts[2], 150);
  arena_free(arena);
}

static void refuses_a_bad_mix_and_names_the_part(void) {
  static const struct {
    const char *mix, *message;
  } cases[] = {
      {"CreateOrdre=5", "--mix: \"CreateOrdre\" is no command; did you mean CreateOrder?"},
      {"Zzz", "--mix: \"Zzz\" is no command of the shop, such as CreateOrder or GetCustomer"},
      {"", "--mix: \"\" is no command of the shop, such as CreateOrder or GetCustomer"},
      {"GetCustomer=1,", "--mix: \"\" is no command of the shop, such as CreateOrder or GetCustomer"},
      {"GetCustomer=", "--mix: \"\" (the weight of GetCustomer) is not a number from 1 to 1000000"},
      {"GetCustomer=0", "--mix: \"0\" (the weight of GetCustomer) is not a number from 1 to 1000000"},
      {"GetCustomer=-1", "--mix: \"-1\" (the weight of GetCustomer) is not a number from 1 to 1000000"},
      {"GetCustomer=1e3", "--mix: \"1e3\" (the weight of GetCustomer) is not a number from 1 to 1000000"},
      {"GetCustomer=99999999999999999999",
       "--mix: \"99999999999999999999\" (the weight of GetCustomer) is not a number from 1 to 1000000"},
      {"GetCustomer,GetOrder,GetCustomer=2", "--mix: \"GetCustomer\" is there twice"},
  };
  struct arena *arena = arena_new();
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct load_mix mix = {.count = 7};
    struct status status = load_mix_parse(arena, cases[i].mix, &mix);
    CU_ASSERT_EQUAL(status.code, STATUS_INVALID_ARGUMENT);
    CU_ASSERT_STRING_EQUAL(status.message, cases[i].message);
    CU_ASSERT_EQUAL(mix.count, 7);
  }
  arena_free(arena);
}

static void knows_every_command_of_the_shop(void) {
  size_t known = 0, methods = 0;
  for (; load_commands_all[known].method; known++) {
  }
  for (int service = 0; service < SHIPPED_OWNER_COUNT; service++) {
    const ProtobufCServiceDescriptor *descriptor = ordershop_service_descriptor((enum ordershop_service)service);
    methods += descriptor->n_methods;
    for (unsigned i = 0; i < descriptor->n_methods; i++) {
      const struct load_command *command = load_command_find(descriptor->methods[i].name);
      CU_ASSERT_PTR_NOT_NULL_FATAL(command);
      CU_ASSERT_EQUAL((int)command->service, service);
    }
  }
  CU_ASSERT_EQUAL(known, methods);
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

static const char *const ids[] = {"11111111-1111-4111-a111-111111111111", "22222222-2222-4222-a222-222222222222"};

/* A shop with a customer and a product that are there for anyone, and a product of the run's own. */
static struct load_shop shop_new(void) {
  struct load_shop shop = {.keeps = {false}};
  load_ids_add(&shop.any[LOAD_CUSTOMER], ids[0], "");
  load_ids_add(&shop.any[LOAD_PRODUCT], ids[1], "");
  load_ids_add(&shop.own[LOAD_PRODUCT], ids[1], "7.1");
  return shop;
}

static void *filled(struct arena *arena, const char *method, struct load_shop *shop, const char **ret_after) {
  const struct load_command *command = load_command_find(method);
  struct request_form form = request_form_new(arena, command, 3);
  struct load_random random = load_random_new();
  uint8_t *bytes = arena_alloc(arena, form.size);
  *ret_after = request_form_fill(&form, shop, &random, bytes, arena_alloc(arena, CALL_POSITION_MAX));
  const ProtobufCMethodDescriptor *described =
      protobuf_c_service_descriptor_get_method_by_name(ordershop_service_descriptor(command->service), method);
  CU_ASSERT_EQUAL(bytes[0], 0);
  CU_ASSERT_EQUAL((size_t)bytes[3] << 8 | bytes[4], form.size - CALL_PREFIX_BYTES);
  return message_unpack(arena, described->input, bytes + CALL_PREFIX_BYTES, form.size - CALL_PREFIX_BYTES);
}

static void fills_an_order_in(void) {
  struct arena *arena = arena_new();
  struct load_shop shop = shop_new();
  const char *after;
  const Ordershop__V1__CreateOrderRequest *first = filled(arena, "CreateOrder", &shop, &after);
  const Ordershop__V1__CreateOrderRequest *second = filled(arena, "CreateOrder", &shop, &after);
  CU_ASSERT_PTR_NOT_NULL_FATAL(first);
  CU_ASSERT_PTR_NULL(after);
  CU_ASSERT_STRING_EQUAL(first->order->customer_id, ids[0]);
  CU_ASSERT_EQUAL(first->order->n_product_ids, 3);
  for (size_t i = 0; i < 3; i++) CU_ASSERT_STRING_EQUAL(first->order->product_ids[i], ids[1]);
  CU_ASSERT(uuid_is_valid(first->request_id));
  CU_ASSERT_STRING_NOT_EQUAL(first->request_id, second->request_id);
  load_shop_clear(&shop);
  arena_free(arena);
}

static void takes_what_it_uses_up(void) {
  struct arena *arena = arena_new();
  struct load_shop shop = shop_new();
  const char *after;
  const Ordershop__V1__CreateInventoryRequest *request = filled(arena, "CreateInventory", &shop, &after);
  CU_ASSERT_PTR_NOT_NULL_FATAL(request);
  CU_ASSERT_STRING_EQUAL(request->inventory->product_id, ids[1]);
  CU_ASSERT_STRING_EQUAL(after, "7.1");
  CU_ASSERT(request->inventory->amount >= LOAD_AMOUNT_MIN && request->inventory->amount < LOAD_AMOUNT_MAX);
  CU_ASSERT_EQUAL(shop.own[LOAD_PRODUCT].count, shop.own[LOAD_PRODUCT].first);
  load_shop_clear(&shop);
  arena_free(arena);
}

static void finds_ids_in_replies(void) {
  struct arena *arena = arena_new();
  Ordershop__V1__Inventory inventory = ORDERSHOP__V1__INVENTORY__INIT;
  inventory.id = (char *)ids[0];
  inventory.product_id = (char *)ids[1];
  inventory.amount = 5;
  size_t size;
  const void *packed = message_pack(arena, &inventory, &size);
  char *bytes = arena_calloc(arena, CALL_PREFIX_BYTES + size, 1);
  memcpy(bytes + CALL_PREFIX_BYTES, packed, size);
  struct call call = {.reply = {.bytes = bytes, .size = CALL_PREFIX_BYTES + size}};
  CU_ASSERT_NSTRING_EQUAL(load_reply_id(&call, 1), ids[0], LOAD_ID_BYTES);
  CU_ASSERT_NSTRING_EQUAL(load_reply_id(&call, 2), ids[1], LOAD_ID_BYTES);
  CU_ASSERT_PTR_NULL(load_reply_id(&call, 3));
  for (call.reply.size = 0; call.reply.size < CALL_PREFIX_BYTES + size; call.reply.size++) load_reply_id(&call, 9);
  call.reply.size = CALL_PREFIX_BYTES + 20; /* cut off */
  CU_ASSERT_PTR_NULL(load_reply_id(&call, 1));
  arena_free(arena);
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static void finds_hosts_in_addresses(void) {
  static const struct {
    const char *target;
    size_t count;
    const char *host, *port; /* of the last */
  } cases[] = {
      {"127.0.0.1:50051", 1, "127.0.0.1", "50051"},
      {"dns:///orders.example:443", 1, "orders.example", "443"},
      {"[::1]:7", 1, "::1", "7"},
      {"ipv4:10.0.0.1:1,10.0.0.2:2", 2, "10.0.0.2", "2"},
      {"ipv6:[::1]:3", 1, "::1", "3"},
      {"host", 0, NULL, NULL},
      {"host:", 0, NULL, NULL},
      {":5", 0, NULL, NULL},
      {"", 0, NULL, NULL},
      {"ipv4:10.0.0.1:1,", 0, NULL, NULL},
      {"unix:/tmp/x", 0, NULL, NULL},
      {"host:https", 0, NULL, NULL},
      {"dns://1.1.1.1/host:5", 0, NULL, NULL},
  };
  struct arena *arena = arena_new();
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    const struct target_host *hosts;
    CU_ASSERT_EQUAL_FATAL(target_hosts(arena, cases[i].target, &hosts), cases[i].count);
    if (cases[i].count == 0) continue;
    CU_ASSERT_STRING_EQUAL(hosts[cases[i].count - 1].host, cases[i].host);
    CU_ASSERT_STRING_EQUAL(hosts[cases[i].count - 1].port, cases[i].port);
  }
  arena_free(arena);
}

/* ---- disk ------------------------------------------------------------------------------------------------------- */

static void measures_a_disk(void) {
  struct arena *arena = arena_new();
  struct histogram *histogram = histogram_new(arena);
  int64_t begun = clock_monotonic_us();
  CU_ASSERT_TRUE(status_is_ok(fsync_probe(arena, ".", 50, histogram)));
  CU_ASSERT_TRUE(histogram->count > 0);
  CU_ASSERT_TRUE(clock_monotonic_us() - begun >= 50 * 1000);
  CU_ASSERT_TRUE(histogram_percentile(histogram, 100) > 0);
  arena_free(arena);
}

static void names_a_folder_that_it_cannot_use(void) {
  struct arena *arena = arena_new();
  struct status status = fsync_probe(arena, "/nowhere", 50, histogram_new(arena));
  CU_ASSERT_EQUAL(status.code, STATUS_UNAVAILABLE);
  CU_ASSERT_STRING_EQUAL(status.message, "/nowhere: No such file or directory");
  arena_free(arena);
}

/* ---- picture ---------------------------------------------------------------------------------------------------- */

static char *picture_of(const struct plot *plot) {
  char *text = NULL;
  size_t size;
  FILE *stream = open_memstream(&text, &size);
  plot_write(plot, stream);
  fclose(stream);
  return text;
}

static void draws_a_point_for_each_value(void) {
  const double x[] = {100, 200, 400}, y[] = {1.5, 0, 80};
  const struct plot_line line = {"p99", y};
  const struct plot plot = {"a < b & c", "rate", "ms", x, 3, &line, 1};
  char *text = picture_of(&plot);
  int circles = 0;
  for (const char *at = text; (at = strstr(at, "<circle")); at++) circles++;
  CU_ASSERT_EQUAL(circles, 2); /* nothing took no time */
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "a &lt; b &amp; c"));
  CU_ASSERT_PTR_NULL(strstr(text, "nan"));
  CU_ASSERT_PTR_NULL(strstr(text, "inf"));
  free(text);
}

static void draws_without_any_value(void) {
  const double x[] = {100}, y[] = {0};
  const struct plot_line line = {"p99", y};
  const struct plot plot = {"t", "x", "y", x, 1, &line, 1};
  char *text = picture_of(&plot);
  CU_ASSERT_PTR_NULL(strstr(text, "nan"));
  CU_ASSERT_PTR_NULL(strstr(text, "inf"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "</svg>"));
  free(text);
}

static const struct test tests[] = {
    {"percentiles are those of the durations", finds_percentiles},
    {"no duration and one have percentiles too", bears_few_durations},
    {"percentiles are never below the true value, and above it by 1/128 at most", errs_by_less_than_one_percent},
    {"durations below 0 and beyond all buckets count", bears_what_is_beyond_its_buckets},
    {"merged histograms are what one would have counted", merges_to_what_one_would_have_counted},
    {"calls of a rate are spaced evenly", spaces_calls_evenly},
    {"after a year the schedule is where it should be", does_not_drift},
    {"a mix has commands and weights", reads_a_mix},
    {"each command gets its share of the calls", gives_each_command_its_share},
    {"a bad mix is refused, and its part named", refuses_a_bad_mix_and_names_the_part},
    {"every method of the shop can be loaded", knows_every_command_of_the_shop},
    {"an order is filled in, each with an id of its own", fills_an_order_in},
    {"what a command uses up is taken, with the position that it came with", takes_what_it_uses_up},
    {"ids are found in replies, and not beyond their ends", finds_ids_in_replies},
    {"hosts are found in gRPC's names", finds_hosts_in_addresses},
    {"the disk is measured for the given time", measures_a_disk},
    {"a folder that can't be written to is named", names_a_folder_that_it_cannot_use},
    {"a picture has a point for each value, and texts are escaped", draws_a_point_for_each_value},
    {"a picture of nothing is one", draws_without_any_value},
};

int main(int argc, char **argv) {
  return suite_main("load generator", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
