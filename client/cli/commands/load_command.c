/* SPDX-License-Identifier: Apache-2.0 */
/* `ordershop load`: how many commands a second a shop takes, how long they take, and beside it how long the disk takes.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/line/command_parts.h"
#include "client/cli/line/failure.h"
#include "client/cli/line/session.h"
#include "client/load/fsync_probe.h"
#include "client/load/load.h"
#include "shop_brand.h"
#include "tls/tls_files.h"

enum { PROBE_MS = 2000, IN_FLIGHT = 64, CONNECTIONS = 4 };

static const char *const mode_names[] = {
    [LOAD_ORDER] = "order", [LOAD_CUSTOMER] = "customer", [LOAD_GET] = "get", NULL};

/* ---- arguments -------------------------------------------------------------------------------------------------- */

static const struct flag flags[] = {
    {.name = "mode",
     .value = "MODE",
     .kind = FLAG_OWN,
     .help = "What to call: order (CreateOrder; the default), customer (CreateCustomer) or get (GetCustomer)",
     .choices = mode_names},
    {.name = "in-flight", .value = "N", .kind = FLAG_OWN, .help = "Calls at once (64)"},
    {.name = "rate",
     .value = "N",
     .kind = FLAG_OWN,
     .help = "Instead: calls that begin each second, however many have not ended"},
    {.name = "deadline",
     .value = "MS",
     .kind = FLAG_OWN,
     .help = "Milliseconds that a call may take, with its retries (10000)"},
    {.name = "connections",
     .value = "N",
     .kind = FLAG_OWN,
     .help = "Connections that they share (4, or as many as calls)"},
    {.name = "seconds", .value = "N", .kind = FLAG_OWN, .help = "How long it is measured (10)"},
    {.name = "warm-up", .value = "N", .kind = FLAG_OWN, .help = "Seconds before that (2)"},
    {.name = "products", .value = "N", .kind = FLAG_OWN, .help = "Units in an order (3), of 100 products"},
    {.name = "disk",
     .value = "FOLDER",
     .kind = FLAG_OWN,
     .help = "Also measure how long 4 KiB take to become durable there"},
    {.name = "retry", .kind = FLAG_OWN, .help = "Try again what failed, as the client library does"},
    {0},
};

struct number {
  const char *flag;
  int min, max, fallback;
  int *target;
};

static struct status read_number(const struct session *session, const struct number *number) {
  const char *text = invocation_value(session->invocation, number->flag);
  *number->target = number->fallback;
  if (!text) return status_ok();
  char *end;
  long value = strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < number->min || value > number->max) {
    return status_error(session->arena, STATUS_INVALID_ARGUMENT, reason_usage,
                        "--%s: \"%s\" is not a number from %d to %d", number->flag, text, number->min, number->max);
  }
  *number->target = (int)value;
  return status_ok();
}

static struct status read_numbers(const struct session *session, struct load_options *load) {
  int deadline_ms, seconds, warm_up_seconds;
  const struct number numbers[] = {
      {"in-flight", 1, 5000, 0, &load->in_flight},  {"rate", 1, 100000, 0, &load->rate},
      {"deadline", 1, 600000, 10000, &deadline_ms}, {"connections", 1, 100, 0, &load->connections},
      {"seconds", 1, 86400, 10, &seconds},          {"warm-up", 0, 86400, 2, &warm_up_seconds},
      {"products", 1, 1000, 3, &load->products}};
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    struct status status = read_number(session, &numbers[i]);
    if (!status_is_ok(status)) return status;
  }
  load->deadline_ms = deadline_ms;
  load->duration_ms = seconds * INT64_C(1000);
  load->warm_up_ms = warm_up_seconds * INT64_C(1000);
  return status_ok();
}

static struct status read_mode(const struct session *session, enum load_mode *ret_mode) {
  const char *name = invocation_value(session->invocation, "mode");
  for (int mode = LOAD_ORDER; mode <= LOAD_GET; mode++) {
    if (name && strcmp(mode_names[mode], name) != 0) continue;
    *ret_mode = (enum load_mode)mode;
    return status_ok();
  }
  return status_error(session->arena, STATUS_INVALID_ARGUMENT, reason_usage,
                      "--mode: \"%s\" is none of order, customer, get", name);
}

static struct status read_options(const struct session *session, struct load_options *load) {
  *load = (struct load_options){.customer_count = 100,
                                .product_count = 100,
                                .folder = invocation_value(session->invocation, "disk"),
                                .retry = invocation_value(session->invocation, "retry"),
                                .json = session->invocation->json};
  struct status status = read_mode(session, &load->mode);
  if (status_is_ok(status)) status = read_numbers(session, load);
  if (!status_is_ok(status)) return status;
  if (load->rate > 0 && load->in_flight > 0) {
    return status_error(session->arena, STATUS_INVALID_ARGUMENT, reason_usage,
                        "--rate and --in-flight exclude each other");
  }
  if (load->rate == 0 && load->in_flight == 0) load->in_flight = IN_FLIGHT;
  bool few = load->rate == 0 && load->in_flight < CONNECTIONS;
  if (load->connections == 0) load->connections = few ? load->in_flight : CONNECTIONS;
  return status_ok();
}

/* ---- report ----------------------------------------------------------------------------------------------------- */

static json_t *percentiles(struct latency *latency) {
  return json_pack("{s:f, s:f, s:f, s:f}", "p50", latency_percentile(latency, 50), "p90",
                   latency_percentile(latency, 90), "p99", latency_percentile(latency, 99), "max",
                   latency_percentile(latency, 100));
}

static json_t *failures_by_code(const struct load_result *result) {
  json_t *codes = json_object();
  for (int code = 0; code < LOAD_CODES; code++) {
    if (result->by_code[code] == 0) continue;
    json_object_set_new(codes, status_code_name((enum status_code)code),
                        json_integer((json_int_t)result->by_code[code]));
  }
  return codes;
}

static json_t *calls_by_second(const struct load_result *result) {
  json_t *seconds = json_array();
  for (int i = 0; i < (int)result->seconds; i++) {
    json_array_append_new(seconds, json_integer((json_int_t)result->by_second[i]));
  }
  return seconds;
}

static void print_json(const struct load_options *load, struct load_result *result, struct latency *disk) {
  json_t *whole = json_pack("{s:s, s:i, s:f, s:I, s:I, s:I, s:f}", "mode", mode_names[load->mode], "connections",
                            load->connections, "seconds", result->seconds, "calls", (json_int_t)result->latency.count,
                            "failures", (json_int_t)result->failures, "retries", (json_int_t)result->retries,
                            "perSecond", (double)result->latency.count / result->seconds);
  if (load->rate > 0) json_object_set_new(whole, "rate", json_integer(load->rate));
  if (load->rate == 0) json_object_set_new(whole, "inFlight", json_integer(load->in_flight));
  json_object_set_new(whole, "latencyMs", percentiles(&result->latency));
  json_object_set_new(whole, "failuresByCode", failures_by_code(result));
  json_object_set_new(whole, "callsBySecond", calls_by_second(result));
  if (result->refused.count > 0) json_object_set_new(whole, "refusedMs", percentiles(&result->refused));
  if (disk->count > 0) json_object_set_new(whole, "fsyncMs", percentiles(disk));
  json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
  putchar('\n');
  json_decref(whole);
}

static void print_percentiles(const char *what, struct latency *latency) {
  printf("%-10s p50 %.2f ms  p90 %.2f ms  p99 %.2f ms  max %.2f ms\n", what, latency_percentile(latency, 50),
         latency_percentile(latency, 90), latency_percentile(latency, 99), latency_percentile(latency, 100));
}

static void print_failures(const struct load_result *result) {
  printf("%-10s %llu", "failures", (unsigned long long)result->failures);
  for (int code = 0; code < LOAD_CODES; code++) {
    if (result->by_code[code] == 0) continue;
    printf("  %s %llu", status_code_name((enum status_code)code), (unsigned long long)result->by_code[code]);
  }
  putchar('\n');
}

static void print_plain(const struct load_options *load, struct load_result *result, struct latency *disk) {
  printf("%-10s %d calls %s on %d connections, for %.0f s\n", mode_names[load->mode],
         load->rate > 0 ? load->rate : load->in_flight, load->rate > 0 ? "begun each second" : "in flight",
         load->connections, result->seconds);
  printf("%-10s %.0f calls/s (%zu calls)\n", "rate", (double)result->latency.count / result->seconds,
         result->latency.count);
  print_percentiles("latency", &result->latency);
  if (result->refused.count > 0) print_percentiles("refused", &result->refused);
  if (disk->count > 0) print_percentiles("fsync", disk);
  print_failures(result);
  if (load->retry) printf("%-10s %llu\n", "retries", (unsigned long long)result->retries);
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

static struct status call(const struct session *session, const struct load_options *load, const struct load_shop *shop,
                          struct load_result *ret_result) {
  enum ordershop_service service = load->mode == LOAD_ORDER ? ORDERSHOP_ORDER : ORDERSHOP_CUSTOMER;
  const struct tls_texts paths = {.certificate = session->options.tls_certificate_file,
                                  .key = session->options.tls_key_file,
                                  .ca = session->options.tls_ca_file};
  struct load_target target = {.address = ordershop_client_address(session->client, service)};
  struct status status = tls_files_open(session->arena, shop_brand.environment_prefix, &paths, false, &target.tls);
  if (status_is_ok(status)) status = load_run(session->arena, &target, load, shop, ret_result);
  tls_files_close(target.tls);
  return status;
}

static struct status prepare_and_call(const struct session *session, const struct load_options *load,
                                      struct load_result *ret_result) {
  struct load_shop shop;
  struct status status = load_prepare(session->arena, session->client, load, &shop);
  return status_is_ok(status) ? call(session, load, &shop, ret_result) : status;
}

static int report(const struct session *session, const struct load_options *load, struct load_result *result,
                  struct latency *disk) {
  if (load->json) print_json(load, result, disk);
  if (!load->json) print_plain(load, result, disk);
  latency_clear(&result->latency);
  latency_clear(&result->refused);
  return result->failures > 0 ? failure_of_command(session, result->first_failure, NULL) : EXIT_DONE;
}

static int run(struct session *session) {
  struct load_options load;
  struct latency disk = {.count = 0};
  struct load_result result;
  struct status status = read_options(session, &load);
  if (status_is_ok(status) && load.folder) status = fsync_probe(session->arena, load.folder, PROBE_MS, &disk);
  if (!status_is_ok(status)) return failure_of_usage(session->invocation->json, status);
  status = prepare_and_call(session, &load, &result);
  int exit_status =
      status_is_ok(status) ? report(session, &load, &result, &disk) : failure_of_command(session, status, NULL);
  latency_clear(&disk);
  return exit_status;
}

const struct noun load_commands = {
    .name = "load",
    .help = "Call the shop as fast as it answers, or at a given rate, and tell how that goes",
    .details =
        "Keeps so many calls of one kind under way and prints their rate and latencies; beside them, with --disk, how "
        "long the disk takes to make 4 KiB durable: no command can be faster than that. With --rate it begins so many "
        "calls a second instead, whatever becomes of those before: what a shop does that is called more often than it "
        "can answer shows only so. Latencies count from when a call was to begin. It makes customers, products with "
        "plenty of stock, and orders: don't point it at a shop that matters. Exit status: 0 no call failed; 1 some "
        "were refused; 2 wrong arguments, settings or files; 3 a service was unavailable, overloaded or did not answer "
        "in time.",
    .flags = flags,
    .examples = (const char *const[]){"load --in-flight 64 --seconds 10", "load --mode get --json",
                                      "load --rate 2000 --deadline 1000", NULL},
    .run = run,
};
