/* SPDX-License-Identifier: Apache-2.0 */
/* Spans of calls, as a collector gets them. */
#include <ordershop/v1/customer.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "captured_log.h"
#include "in_coroutine.h"
#include "loop/coroutine.h"
#include "patience.h"
#include "rpc/rpc_client.h"
#include "rpc/rpc_server.h"
#include "rpc/span_exporter.h"
#include "shop_brand.h"
#include "span_collector.h"
#include "suite.h"
#include "trace/span.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SAMPLED "00-" TRACE "-b7ad6b7169203331-01"
#define UNSAMPLED "00-" TRACE "-b7ad6b7169203331-00"
#define GET "ordershop.v1.CustomerService/GetCustomer"
#define LIST "ordershop.v1.CustomerService/ListCustomers"

enum { POLL_US = 5000 };

/* A service on the test's loop: GetCustomer answers the traceparent that it has as the customer's email, or NOT_FOUND
 * or INTERNAL where the id says so; ListCustomers calls GetCustomer. */
static struct {
  struct span_collector *collector;
  struct span_exporter *exporter;
  struct rpc_server *server;
  struct rpc_channel *channel;
} here;

static struct rpc_reply get(struct context *context, const char *id) {
  Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
  request.id = (char *)id;
  return rpc_client_call(here.channel, context, &ordershop__v1__customer_service__descriptor, "GetCustomer", &request);
}

static coroutine_fn struct status answer(struct rpc_call *call, const void *request, const void **ret_reply) {
  const char *id = ((const Ordershop__V1__GetCustomerRequest *)request)->id;
  struct arena *arena = call->context.arena;
  if (strcmp(id, "missing") == 0) return status_error(arena, STATUS_NOT_FOUND, "CUSTOMER_NOT_FOUND", "no customer");
  if (strcmp(id, "broken") == 0) return status_error(arena, STATUS_INTERNAL, "BROKEN", "it is broken");
  Ordershop__V1__Customer *customer = arena_alloc(arena, sizeof *customer);
  ordershop__v1__customer__init(customer);
  if (call->context.traceparent) customer->email = (char *)call->context.traceparent;
  *ret_reply = customer;
  return status_ok();
}

static coroutine_fn struct status list(struct rpc_call *call, const void *request, const void **ret_reply) {
  static const Ordershop__V1__ListCustomersResponse response = ORDERSHOP__V1__LIST_CUSTOMERS_RESPONSE__INIT;
  (void)request;
  *ret_reply = &response;
  return get(&call->context, "any").status;
}

static coroutine_fn struct status other(struct rpc_call *call, const void *request, const void **ret_reply) {
  (void)request, (void)ret_reply;
  return status_error(call->context.arena, STATUS_UNIMPLEMENTED, "NOT_HERE", "not in the test's service");
}

static const struct rpc_method methods[] = {
    {.name = "CreateCustomer", .handler = other}, {.name = "BatchCreateCustomers", .handler = other},
    {.name = "GetCustomer", .handler = answer},   {.name = "ListCustomers", .handler = list},
    {.name = "UpdateCustomer", .handler = other}, {.name = "DeleteCustomer", .handler = other},
};

static void serve(struct context *context) {
  static const struct rpc_service service = {.descriptor = &ordershop__v1__customer_service__descriptor,
                                             .methods = ROWS(methods)};
  const struct rpc_server_options options = {.brand = &shop_brand, .listen = "127.0.0.1:0"};
  struct status status = rpc_server_open(coroutine_loop(), context->arena, &options, &service, 1, &here.server);
  CU_ASSERT_FATAL(status_is_ok(status));
  rpc_server_start(here.server);
  const struct rpc_channel_options channel = {.brand = &shop_brand, .peer = "customer"};
  const char *target = arena_printf(context->arena, "127.0.0.1:%d", rpc_server_port(here.server));
  CU_ASSERT_FATAL(status_is_ok(rpc_channel_open(coroutine_loop(), context->arena, target, &channel, &here.channel)));
}

static void export_to(struct context *context, const char *endpoint, const char *ratio, int64_t interval_ms) {
  const struct span_exporter_options options = {.brand = &shop_brand,
                                                .service = "customer",
                                                .version = "1.2.3",
                                                .endpoint = endpoint,
                                                .ratio = ratio,
                                                .interval_ms = interval_ms};
  struct status status = span_exporter_start(coroutine_loop(), context->arena, &options, &here.exporter);
  CU_ASSERT_FATAL(status_is_ok(status));
}

static void begin(struct context *context, const char *ratio) {
  memset(&here, 0, sizeof here);
  here.collector = span_collector_start(context, NULL);
  serve(context);
  export_to(context, here.collector->endpoint, ratio, 10);
}

static void end(void) {
  rpc_channel_close(here.channel);
  rpc_server_drain(here.server, 1000);
  rpc_server_free(here.server);
  span_exporter_stop(here.exporter);
  if (here.collector) span_collector_stop(here.collector);
}

static struct status call_list(struct context *context) {
  Ordershop__V1__ListCustomersRequest request = ORDERSHOP__V1__LIST_CUSTOMERS_REQUEST__INIT;
  return rpc_client_call(here.channel, context, &ordershop__v1__customer_service__descriptor, "ListCustomers", &request)
      .status;
}

/* The value of a metric as it is served. */
static long long served(struct context *context, const char *metric) {
  size_t size;
  const char *text = metrics_render(context->arena, "ordershop", &size);
  const char *line = strstr(text, arena_printf(context->arena, "\n%s ", metric));
  long long value = -1;
  if (line) sscanf(line + 1 + strlen(metric), "%lld", &value);
  return value;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void test_tree(struct context *context) {
  begin(context, "0");
  context->traceparent = SAMPLED;
  CU_ASSERT(status_is_ok(call_list(context)));
  CU_ASSERT_FATAL(span_collector_await(here.collector, 4));
  const CollectedSpan *first = span_collector_find(here.collector, LIST, SPAN_CLIENT);
  const CollectedSpan *second = span_collector_find(here.collector, LIST, SPAN_SERVER);
  const CollectedSpan *third = span_collector_find(here.collector, GET, SPAN_CLIENT);
  const CollectedSpan *fourth = span_collector_find(here.collector, GET, SPAN_SERVER);
  CU_ASSERT_FATAL(first && second && third && fourth);
  static const unsigned char parent[] = {0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31};
  CU_ASSERT(first->parent_span_id.len == 8 && memcmp(first->parent_span_id.data, parent, 8) == 0);
  CU_ASSERT(first->trace_id.len == 16 && first->trace_id.data[0] == 0x0a && first->trace_id.data[15] == 0x9c);
  CU_ASSERT(collected_is_child(second, first));
  CU_ASSERT(collected_is_child(third, second));
  CU_ASSERT(collected_is_child(fourth, third));
  CU_ASSERT(second->start_time_unix_nano >= first->start_time_unix_nano);
  CU_ASSERT(second->end_time_unix_nano >= fourth->end_time_unix_nano);
  int64_t ago_us = clock_wall_us() - (int64_t)(first->start_time_unix_nano / 1000);
  CU_ASSERT(ago_us >= -1000000 && ago_us < 2 * patience_us());
  end();
}

static void test_attributes(struct context *context) {
  begin(context, "0");
  context->traceparent = SAMPLED;
  get(context, "missing");
  get(context, "broken");
  CU_ASSERT_FATAL(span_collector_await(here.collector, 4));
  for (size_t i = 0; i < 4; i++) {
    const CollectedSpan *span = here.collector->spans[i];
    CU_ASSERT_STRING_EQUAL(collected_attribute(context->arena, span, "rpc.system"), "grpc");
    CU_ASSERT_STRING_EQUAL(collected_attribute(context->arena, span, "rpc.service"), "ordershop.v1.CustomerService");
    CU_ASSERT_STRING_EQUAL(collected_attribute(context->arena, span, "rpc.method"), "GetCustomer");
    bool is_broken = strcmp(collected_attribute(context->arena, span, "rpc.grpc.status_code"), "13") == 0;
    bool is_client = (int)span->kind == SPAN_CLIENT;
    CU_ASSERT_EQUAL(span->status != NULL, is_broken || is_client); /* a server is not to blame for NOT_FOUND */
    if (span->status) CU_ASSERT_STRING_EQUAL(span->status->message, is_broken ? "it is broken" : "no customer");
  }
  CU_ASSERT_EQUAL_FATAL(here.collector->resource->n_attributes, 4);
  CU_ASSERT_STRING_EQUAL(here.collector->resource->attributes[1]->key, "service.name");
  CU_ASSERT_STRING_EQUAL(here.collector->resource->attributes[1]->value->string_value, "customer");
  CU_ASSERT_STRING_EQUAL(here.collector->resource->attributes[2]->value->string_value, "1.2.3");
  end();
}

/* The traceparent that the handler of GetCustomer has. */
static const char *handled_with(struct context *context) {
  struct rpc_reply reply = get(context, "any");
  return status_is_ok(reply.status) ? ((const Ordershop__V1__Customer *)reply.message)->email : "";
}

static void test_parent_decides(struct context *context) {
  begin(context, "1");
  context->traceparent = UNSAMPLED;
  const char *seen = handled_with(context);
  CU_ASSERT(strncmp(seen, "00-" TRACE "-", 36) == 0);
  CU_ASSERT_STRING_EQUAL(seen + 52, "-00");
  context->traceparent = NULL;
  CU_ASSERT_STRING_EQUAL(handled_with(context) + 52, "-01");
  CU_ASSERT(span_collector_await(here.collector, 1));
  end();
  CU_ASSERT_EQUAL(here.collector->span_count, 1);
  CU_ASSERT_EQUAL(here.collector->spans[0]->parent_span_id.len, 0);
}

static void test_ratio(struct context *context) {
  begin(context, "0");
  CU_ASSERT_STRING_EQUAL(handled_with(context) + 52, "-00"); /* so that the peers don't begin a trace each */
  end();
  CU_ASSERT_EQUAL(here.collector->requests, 0);
  begin(context, "0.5");
  for (int i = 0; i < 200; i++) handled_with(context);
  end();
  CU_ASSERT(here.collector->span_count > 50 && here.collector->span_count < 150);
}

static void test_off(struct context *context) {
  memset(&here, 0, sizeof here);
  serve(context);
  CU_ASSERT_STRING_EQUAL(handled_with(context), "");
  context->traceparent = SAMPLED;
  const char *seen = handled_with(context);
  CU_ASSERT(strncmp(seen, SAMPLED, 36) == 0 && strcmp(seen, SAMPLED) != 0);
  end();
}

static void make_spans(struct context *context, int count) {
  for (int i = 0; i < count; i++) {
    const char *traceparent = SAMPLED;
    span_end(span_begin(SPAN_INTERNAL, "made", context->arena, &traceparent));
  }
}

static void test_batches(struct context *context) {
  memset(&here, 0, sizeof here);
  here.collector = span_collector_start(context, NULL);
  serve(context);
  export_to(context, here.collector->endpoint, "0", 24 * 3600 * 1000);
  make_spans(context, 3 * SPAN_BATCH);
  CU_ASSERT(span_collector_await(here.collector, 3 * SPAN_BATCH));
  CU_ASSERT_EQUAL(here.collector->requests, 3);
  make_spans(context, 7);
  end(); /* sends what there is */
  CU_ASSERT_EQUAL(here.collector->span_count, 3 * SPAN_BATCH + 7);
}

#define DROPPED(reason) "ordershop_trace_spans_dropped_total{reason=\"" reason "\"}"

static void test_bounded(struct context *context) {
  begin(context, "0");
  long long before = served(context, DROPPED("queue_full"));
  make_spans(context, SPANS_QUEUED_MAX + 5);
  CU_ASSERT_EQUAL(served(context, DROPPED("queue_full")) - before, 5);
  struct span **open = arena_calloc(context->arena, SPANS_OPEN_MAX, sizeof *open);
  for (int i = 0; i < SPANS_OPEN_MAX; i++) {
    const char *traceparent = SAMPLED;
    open[i] = span_begin(SPAN_INTERNAL, "open", context->arena, &traceparent);
    CU_ASSERT_PTR_NOT_NULL(open[i]);
  }
  const char *traceparent = SAMPLED;
  CU_ASSERT_PTR_NULL(span_begin(SPAN_INTERNAL, "open", context->arena, &traceparent));
  CU_ASSERT_STRING_EQUAL(traceparent, SAMPLED);
  for (int i = 0; i < SPANS_OPEN_MAX; i++) span_end(open[i]);
  end();
}

static bool comes_to(struct context *context, const char *metric, long long value) {
  int64_t end_us = patience_end_us();
  while (served(context, metric) < value && clock_monotonic_us() < end_us) coroutine_sleep(POLL_US, DEADLINE_NEVER);
  return served(context, metric) >= value;
}

static void test_collector_away(struct context *context) {
  captured_log_begin();
  begin(context, "0");
  long long before = served(context, DROPPED("unreachable"));
  const char *endpoint = here.collector->endpoint;
  span_collector_stop(here.collector);
  context->traceparent = SAMPLED;
  for (int i = 0; i < 3; i++) {
    CU_ASSERT(status_is_ok(get(context, "any").status));
    CU_ASSERT(comes_to(context, DROPPED("unreachable"), before + 2 * (i + 1)));
  }
  here.collector = span_collector_start(context, endpoint + strlen("http://"));
  int64_t end_us = patience_end_us();
  while (here.collector->span_count == 0 && clock_monotonic_us() < end_us) {
    get(context, "any");
    coroutine_sleep(POLL_US, DEADLINE_NEVER);
  }
  CU_ASSERT(here.collector->span_count > 0);
  end();
  const char *log = captured_log_end(context->arena);
  CU_ASSERT_EQUAL(captured_log_count(log, "spans can't be exported"), 1);
  CU_ASSERT_EQUAL(captured_log_count(log, "spans are exported again"), 1);
}

static void test_rejected(struct context *context) {
  begin(context, "0");
  long long before = served(context, DROPPED("rejected")),
            taken = served(context, "ordershop_trace_spans_exported_total");
  here.collector->rejects = 1;
  make_spans(context, 3);
  CU_ASSERT(comes_to(context, DROPPED("rejected"), before + 1));
  end();
  CU_ASSERT_EQUAL(served(context, "ordershop_trace_spans_exported_total") - taken, 2);
}

static void test_long_texts(struct context *context) {
  begin(context, "0");
  const char *traceparent = SAMPLED;
  struct span *span = span_begin(SPAN_INTERNAL, "long", context->arena, &traceparent);
  char text[2 * SPAN_TEXT_BYTES];
  for (size_t i = 0; i + 1 < sizeof text; i += 2) memcpy(text + i, "\xC3\xA4", 2);
  text[sizeof text - 2] = '\0';
  for (int i = 0; i < SPAN_ATTRIBUTES + 3; i++) span_text(span, "text", text);
  span_fail(span, text);
  span_end(span);
  CU_ASSERT_FATAL(span_collector_await(here.collector, 1));
  const CollectedSpan *sent = here.collector->spans[0];
  CU_ASSERT_EQUAL(sent->n_attributes, SPAN_ATTRIBUTES);
  CU_ASSERT_EQUAL(sent->dropped_attributes_count, 3);
  size_t length = strlen(collected_attribute(context->arena, sent, "text"));
  CU_ASSERT(length > 0 && length < SPAN_TEXT_BYTES && length % 2 == 0);
  end();
}

static void test_settings(struct context *context) {
  static const char *const good[] = {"http://localhost:4317", "https://[::1]:4317", "http://10.0.0.1:1"};
  static const char *const bad[] = {"", "localhost:4317", "http://", "http://collector", "grpc://a:1", "http://a:1/v1"};
  for (size_t i = 0; i < 3; i++) CU_ASSERT_PTR_NULL(span_endpoint_check(good[i]));
  for (size_t i = 0; i < 6; i++) CU_ASSERT_PTR_NOT_NULL(span_endpoint_check(bad[i]));
  static const char *const ratios[] = {"0", "1", "1.0", "0.01"};
  static const char *const none[] = {"", "2", "-1", "1e-3", "0.", ".5", "1.01", "nan", "0.5 "};
  for (size_t i = 0; i < 4; i++) CU_ASSERT_PTR_NULL(sampler_check_ratio(ratios[i]));
  for (size_t i = 0; i < 9; i++) CU_ASSERT_PTR_NOT_NULL(sampler_check_ratio(none[i]));
  struct span_exporter *exporter;
  const struct span_exporter_options options = {.brand = &shop_brand, .endpoint = "https://a:1", .ratio = "1"};
  struct status status = span_exporter_start(coroutine_loop(), context->arena, &options, &exporter);
  CU_ASSERT_EQUAL(status.code, STATUS_INVALID_ARGUMENT);
}

#define ON_LOOP(test)                \
  static void test##_on_loop(void) { \
    in_coroutine(test);              \
  }
ON_LOOP(test_tree)
ON_LOOP(test_attributes)
ON_LOOP(test_parent_decides)
ON_LOOP(test_ratio)
ON_LOOP(test_off)
ON_LOOP(test_batches)
ON_LOOP(test_bounded)
ON_LOOP(test_collector_away)
ON_LOOP(test_rejected)
ON_LOOP(test_long_texts)
ON_LOOP(test_settings)

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"a call that makes a call has four spans, each the child of the one before", test_tree_on_loop},
      {"they say service, method, code, and which of both sides has failed", test_attributes_on_loop},
      {"what the caller says of sampling counts, and a trace that begins here is the ratio's",
       test_parent_decides_on_loop},
      {"the ratio is kept, and who is called learns what was decided", test_ratio_on_loop},
      {"without a collector no trace begins, and those of others go on", test_off_on_loop},
      {"spans go in batches, the rest when the program stops", test_batches_on_loop},
      {"what finds no place is dropped and counted", test_bounded_on_loop},
      {"what a collector that is away does not get is dropped and counted, and the log says so once",
       test_collector_away_on_loop},
      {"what it says that it does not take is counted as dropped", test_rejected_on_loop},
      {"texts that are too long are cut between letters", test_long_texts_on_loop},
      {"settings that mean nothing are refused", test_settings_on_loop},
  };
  return suite_main("span export", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
