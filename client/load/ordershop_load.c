/* SPDX-License-Identifier: Apache-2.0 */
/* `ordershop-load`: how many commands a second a shop takes, how long they take, and beside it how long the disk takes.
 */
#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/standard_descriptors.h"
#include "base/version.h"
#include "client/load/fsync_probe.h"
#include "client/load/load.h"
#include "tls/tls_files.h"

/* Exit statuses beside EXIT_FAILURE: refused; the same of all programs of the shop. */
enum { EXIT_MISUSE = 2, EXIT_LATER = 3 };

enum {
  PROBE_MS = 2000,
  IN_FLIGHT = 64,
  PORT_BASE_MOST = 65528,
  OPTION_WARM_UP = 256,
  OPTION_JSON,
  OPTION_TLS_CA,
  OPTION_TLS_CERTIFICATE,
  OPTION_TLS_KEY,
  OPTION_RETRY,
  OPTION_DEADLINE
};

struct arguments {
  struct load_options load;
  struct ordershop_client_options shop;
};

static const char *const mode_names[] = {[LOAD_ORDER] = "order", [LOAD_CUSTOMER] = "customer", [LOAD_GET] = "get"};

/* ---- arguments -------------------------------------------------------------------------------------------------- */

static const struct argp_option options[] = {
    {"mode", 'm', "MODE", 0, "What to call: order (CreateOrder), customer (CreateCustomer) or get (GetCustomer)", 0},
    {"in-flight", 'n', "N", 0, "Calls at once (64)", 0},
    {"rate", 'r', "N", 0, "Instead: calls that begin each second, however many have not ended", 0},
    {"deadline", OPTION_DEADLINE, "MS", 0, "Milliseconds that a call may take, with its retries (10000)", 0},
    {"connections", 'c', "N", 0, "Connections that they share (4, or as many as calls)", 0},
    {"seconds", 's', "N", 0, "How long it is measured (10)", 0},
    {"warm-up", OPTION_WARM_UP, "N", 0, "Seconds before that (2)", 0},
    {"products", 'p', "N", 0, "Units in an order (3), of 100 products", 0},
    {"disk", 'd', "FOLDER", 0, "Also measure how long 4 KiB take to become durable there", 0},
    {"host", 'H', "HOST", 0, "Where the services are (ORDERSHOP_HOST, or 127.0.0.1)", 0},
    {"port-base", 'P', "PORT", 0, "They listen on PORT + 1 ... (ORDERSHOP_PORT_BASE, or 50050)", 0},
    {"tls-ca-file", OPTION_TLS_CA, "FILE", 0, "PEM file of the CA to trust: TLS (ORDERSHOP_TLS_CA_FILE)", 0},
    {"tls-certificate-file", OPTION_TLS_CERTIFICATE, "FILE", 0,
     "PEM file of the own certificate (ORDERSHOP_TLS_CERTIFICATE_FILE)", 0},
    {"tls-key-file", OPTION_TLS_KEY, "FILE", 0, "PEM file of its key (ORDERSHOP_TLS_KEY_FILE)", 0},
    {"retry", OPTION_RETRY, NULL, 0, "Try again what failed, as the client library does", 0},
    {"json", OPTION_JSON, NULL, 0, "Print JSON", 0},
    {0},
};

static int number(const char *text, int least, int most, struct argp_state *state) {
  char *end;
  long value = strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < least || value > most) {
    argp_error(state, "\"%s\" is not a number from %d to %d", text, least, most);
  }
  return (int)value;
}

static enum load_mode mode_of(const char *text, struct argp_state *state) {
  for (enum load_mode mode = LOAD_ORDER; mode <= LOAD_GET; mode++) {
    if (strcmp(mode_names[mode], text) == 0) return mode;
  }
  argp_error(state, "\"%s\" is none of order, customer, get", text);
  return LOAD_ORDER;
}

static error_t take_option(int key, char *value, struct argp_state *state) {
  struct arguments *arguments = state->input;
  struct load_options *load = &arguments->load;
  switch (key) {
    case 'm':
      load->mode = mode_of(value, state);
      return 0;
    case 'n':
      load->in_flight = number(value, 1, 5000, state);
      return 0;
    case 'r':
      load->rate = number(value, 1, 100000, state);
      return 0;
    case OPTION_DEADLINE:
      load->deadline_ms = number(value, 1, 600000, state);
      return 0;
    case 'c':
      load->connections = number(value, 1, 100, state);
      return 0;
    case 's':
      load->duration_ms = number(value, 1, 86400, state) * (int64_t)1000;
      return 0;
    case OPTION_WARM_UP:
      load->warm_up_ms = number(value, 0, 86400, state) * (int64_t)1000;
      return 0;
    case 'p':
      load->products = number(value, 1, 1000, state);
      return 0;
    case 'd':
      load->folder = value;
      return 0;
    case 'H':
      arguments->shop.host = value;
      return 0;
    case 'P':
      arguments->shop.port_base = number(value, 1, PORT_BASE_MOST, state);
      return 0;
    case OPTION_TLS_CA:
      arguments->shop.tls_ca_file = value;
      return 0;
    case OPTION_TLS_CERTIFICATE:
      arguments->shop.tls_certificate_file = value;
      return 0;
    case OPTION_TLS_KEY:
      arguments->shop.tls_key_file = value;
      return 0;
    case OPTION_RETRY:
      load->retry = true;
      return 0;
    case OPTION_JSON:
      load->json = true;
      return 0;
    case ARGP_KEY_END:
      if (load->rate > 0 && load->in_flight > 0) argp_error(state, "--rate and --in-flight exclude each other");
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
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

/* Returns the exit status: as those of `ordershop`. */
static int complain(struct status status) {
  bool later = status.code == STATUS_UNAVAILABLE || status.code == STATUS_DEADLINE_EXCEEDED ||
               (status.code == STATUS_RESOURCE_EXHAUSTED && status.details && status.details->retry_delay_ms > 0);
  fprintf(stderr, "ordershop-load: %s (%s)\n", status.message, status_code_name(status.code));
  if (later) fputs("  ordershop health says which services serve; --host and --port-base say where they are\n", stderr);
  return later ? EXIT_LATER : EXIT_FAILURE;
}

/* Likewise, about arguments, settings and files: nothing was called. */
static int refuse(struct status status) {
  fprintf(stderr, "ordershop-load: %s\n", status.message);
  return EXIT_MISUSE;
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

static struct status run_at(struct arena *arena, const char *address, struct arguments *arguments,
                            const struct load_shop *shop, struct load_result *ret_result) {
  const struct ordershop_client_options *own = &arguments->shop;
  const struct tls_texts paths = {
      .certificate = own->tls_certificate_file, .key = own->tls_key_file, .ca = own->tls_ca_file};
  struct load_target target = {.address = address};
  struct status status = tls_files_open(arena, &paths, false, &target.tls);
  if (status_is_ok(status)) status = load_run(arena, &target, &arguments->load, shop, ret_result);
  tls_files_close(target.tls);
  return status;
}

static struct status prepare_and_run(struct arena *arena, struct arguments *arguments, struct ordershop_client *client,
                                     struct load_result *ret_result) {
  struct load_shop shop;
  enum ordershop_service service = arguments->load.mode == LOAD_ORDER ? ORDERSHOP_ORDER : ORDERSHOP_CUSTOMER;
  struct status status = load_prepare(arena, client, &arguments->load, &shop);
  if (!status_is_ok(status)) return status;
  return run_at(arena, ordershop_client_address(client, service), arguments, &shop, ret_result);
}

static int report(const struct load_options *load, struct load_result *result, struct latency *disk) {
  if (load->json) print_json(load, result, disk);
  if (!load->json) print_plain(load, result, disk);
  latency_clear(&result->latency);
  latency_clear(&result->refused);
  return result->failures > 0 ? complain(result->first_failure) : EXIT_SUCCESS;
}

static int run_with_client(struct arena *arena, struct arguments *arguments, struct ordershop_client *client) {
  const struct load_options *load = &arguments->load;
  struct latency disk = {.count = 0};
  struct load_result result;
  struct status status = load->folder ? fsync_probe(arena, load->folder, PROBE_MS, &disk) : status_ok();
  if (!status_is_ok(status)) return refuse(status);
  status = prepare_and_run(arena, arguments, client, &result);
  int exit_status = status_is_ok(status) ? report(load, &result, &disk) : complain(status);
  latency_clear(&disk);
  return exit_status;
}

static int run(struct arena *arena, struct arguments *arguments) {
  struct ordershop_client *client;
  struct status status = ordershop_client_open(arena, &arguments->shop, &client);
  if (!status_is_ok(status)) return refuse(status);
  int exit_status = run_with_client(arena, arguments, client);
  ordershop_client_close(client);
  return exit_status;
}

static void print_version(FILE *stream, struct argp_state *state) {
  (void)state;
  fprintf(stream, "ordershop-load %s\n", ordershop_version);
}

/* What flags can replace. Errors: INVALID_ARGUMENT. */
static struct status read_environment(struct arena *arena, struct ordershop_client_options *shop) {
  int64_t port_base;
  const struct setting settings[] = {
      {.variable = "ORDERSHOP_HOST", .target = &shop->host, .fallback = "127.0.0.1"},
      {.variable = "ORDERSHOP_PORT_BASE",
       .kind = SETTING_INTEGER,
       .target = &port_base,
       .fallback = "50050",
       .least = 1,
       .most = PORT_BASE_MOST},
      {.variable = "ORDERSHOP_CUSTOMER_ADDRESS", .target = &shop->addresses[ORDERSHOP_CUSTOMER]},
      {.variable = "ORDERSHOP_PRODUCT_ADDRESS", .target = &shop->addresses[ORDERSHOP_PRODUCT]},
      {.variable = "ORDERSHOP_INVENTORY_ADDRESS", .target = &shop->addresses[ORDERSHOP_INVENTORY]},
      {.variable = "ORDERSHOP_ORDER_ADDRESS", .target = &shop->addresses[ORDERSHOP_ORDER]},
      {.variable = "ORDERSHOP_TLS_CA_FILE", .target = &shop->tls_ca_file},
      {.variable = "ORDERSHOP_TLS_CERTIFICATE_FILE", .target = &shop->tls_certificate_file},
      {.variable = "ORDERSHOP_TLS_KEY_FILE", .target = &shop->tls_key_file},
      {.variable = "ORDERSHOP_USE_PROXY", .kind = SETTING_BOOLEAN, .target = &shop->use_proxy, .fallback = "no"},
  };
  enum config_outcome outcome;
  struct status status =
      config_read(arena, "ordershop-load", "", settings, sizeof(settings) / sizeof(settings[0]), 1, NULL, &outcome);
  if (status_is_ok(status)) shop->port_base = (int)port_base;
  return status;
}

/* Returns the exit status. */
static int read_and_run(struct arena *arena, int argc, char **argv) {
  struct arguments arguments = {.load = {.duration_ms = 10000,
                                         .deadline_ms = 10000,
                                         .warm_up_ms = 2000,
                                         .products = 3,
                                         .customer_count = 100,
                                         .product_count = 100}};
  const struct argp argp = {
      .options = options,
      .parser = take_option,
      .doc =
          "Calls a shop as fast as it answers, or at a given rate, and tells how that goes. It makes customers, "
          "products with plenty of stock, and orders: don't point it at a shop that matters.\vExit status: 0 if no "
          "call failed; 1 if some were refused; 2 for wrong arguments, settings or files; 3 if a service was "
          "unavailable, overloaded or did not answer in time.",
  };
  struct status status = read_environment(arena, &arguments.shop);
  if (!status_is_ok(status)) return refuse(status);
  argp_parse(&argp, argc, argv, 0, NULL, &arguments);
  struct load_options *load = &arguments.load;
  if (load->rate == 0 && load->in_flight == 0) load->in_flight = IN_FLIGHT;
  if (load->connections == 0) load->connections = load->rate == 0 && load->in_flight < 4 ? load->in_flight : 4;
  return run(arena, &arguments);
}

int main(int argc, char **argv) {
  standard_descriptors_open();
  argp_program_version_hook = print_version;
  argp_err_exit_status = EXIT_MISUSE;
  struct arena *arena = arena_new();
  int exit_status = read_and_run(arena, argc, argv);
  arena_free(arena);
  return exit_status;
}
