/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/commands/load_plan.h"

#include <stdlib.h>
#include <string.h>

enum { IN_FLIGHT = 64, CONNECTIONS = 4, RATE_MAX = 1000000 };

const char *const load_mode_names[] = {"order", "customer", "get", NULL};
static const char *const mode_mixes[] = {"CreateOrder", "CreateCustomer", "GetCustomer"};

static struct status refuse(const struct session *session, const char *what) {
  return status_error(session->arena, STATUS_INVALID_ARGUMENT, reason_usage, "%s", what);
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

static struct status parse_number(const struct session *session, const char *flag, const char *text, int min, int max,
                                  int *ret_number) {
  char *end;
  long value = strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < min || value > max) {
    return status_error(session->arena, STATUS_INVALID_ARGUMENT, reason_usage,
                        "--%s: \"%s\" is not a number from %d to %d", flag, text, min, max);
  }
  *ret_number = (int)value;
  return status_ok();
}

struct number {
  const char *flag;
  int min, max, fallback;
  int *target;
};

static struct status read_numbers(const struct session *session, struct load_options *load) {
  int deadline_ms, seconds, warm_up_seconds;
  const struct number numbers[] = {
      {"in-flight", 1, 5000, 0, &load->in_flight},  {"rate", 1, RATE_MAX, 0, &load->rate},
      {"deadline", 1, 600000, 10000, &deadline_ms}, {"connections", 1, 100, 0, &load->connections},
      {"seconds", 1, 86400, 10, &seconds},          {"warm-up", 0, 86400, 2, &warm_up_seconds},
      {"products", 1, 1000, 3, &load->products},    {"prepare", 1, 100000, 100, &load->prepared}};
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    const struct number *number = &numbers[i];
    const char *text = invocation_value(session->invocation, number->flag);
    *number->target = number->fallback;
    struct status status =
        text ? parse_number(session, number->flag, text, number->min, number->max, number->target) : status_ok();
    if (!status_is_ok(status)) return status;
  }
  load->deadline_ms = deadline_ms;
  load->duration_ms = seconds * INT64_C(1000);
  load->warm_up_ms = warm_up_seconds * INT64_C(1000);
  return status_ok();
}

/* ---- what is called --------------------------------------------------------------------------------------------- */

static struct status read_mode(const struct session *session, const char *name, struct load_plan *plan) {
  for (size_t mode = 0; load_mode_names[mode]; mode++) {
    if (strcmp(load_mode_names[mode], name) != 0) continue;
    plan->name = plan->title = name;
    return load_mix_parse(session->arena, mode_mixes[mode], &plan->mix);
  }
  return status_error(session->arena, STATUS_INVALID_ARGUMENT, reason_usage,
                      "--mode: \"%s\" is none of order, customer, get", name);
}

static struct status read_mix(const struct session *session, struct load_plan *plan) {
  const char *mode = invocation_value(session->invocation, "mode"), *mix = invocation_value(session->invocation, "mix");
  if (mode && mix) return refuse(session, "--mode and --mix exclude each other");
  if (!mix) return read_mode(session, mode ? mode : load_mode_names[0], plan);
  plan->name = "mix";
  plan->title = mix;
  return load_mix_parse(session->arena, mix, &plan->mix);
}

static bool has_command(const struct load_mix *mix, const char *method) {
  for (size_t i = 0; i < mix->count; i++) {
    if (strcmp(mix->shares[i].command->method, method) == 0) return true;
  }
  return false;
}

/* ---- how often -------------------------------------------------------------------------------------------------- */

static struct status read_sweep(const struct session *session, const char *text, struct load_plan *plan) {
  for (const char *at = text;; at++) {
    size_t length = strcspn(at, ",");
    if (plan->rate_count == LOAD_STEPS_MAX) return refuse(session, "--sweep: there are more than 50 rates");
    int *rate = &plan->rates[plan->rate_count++];
    const char *part = arena_memdup(session->arena, at, length);
    struct status status = parse_number(session, "sweep", part, 1, RATE_MAX, rate);
    if (!status_is_ok(status)) return status;
    if (plan->rate_count > 1 && rate[0] <= rate[-1]) return refuse(session, "--sweep: the rates don't rise");
    at += length;
    if (*at == '\0') return status_ok();
  }
}

static struct status read_pace(const struct session *session, struct load_plan *plan) {
  struct load_options *load = &plan->options;
  const char *sweep = invocation_value(session->invocation, "sweep");
  if ((load->rate > 0) + (load->in_flight > 0) + (sweep != NULL) > 1) {
    return refuse(session, load->rate > 0 && load->in_flight > 0 ? "--rate and --in-flight exclude each other"
                                                                 : "--sweep excludes --rate and --in-flight");
  }
  struct status status = sweep ? read_sweep(session, sweep, plan) : status_ok();
  if (!status_is_ok(status)) return status;
  if (!sweep && load->rate == 0 && load->in_flight == 0) load->in_flight = IN_FLIGHT;
  bool few = load->in_flight > 0 && load->in_flight < CONNECTIONS;
  if (load->connections == 0) load->connections = few ? load->in_flight : CONNECTIONS;
  return status_ok();
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

static struct status check_combination(const struct session *session, const struct load_plan *plan) {
  if (plan->plot_file && plan->rate_count == 0) return refuse(session, "--plot draws a --sweep, which is not given");
  if (plan->mails && !has_command(&plan->mix, "CreateOrder")) {
    return refuse(session, "--mails follows orders, and CreateOrder is not in the mix");
  }
  if (session->options.use_proxy)
    return refuse(session, "load connects by itself, not through a proxy: --use-proxy no");
  return status_ok();
}

struct status load_plan_read(const struct session *session, struct load_plan *ret_plan) {
  const struct invocation *invocation = session->invocation;
  *ret_plan = (struct load_plan){.plot_file = invocation_value(invocation, "plot"),
                                 .folder = invocation_value(invocation, "disk"),
                                 .shop_file = invocation_value(invocation, "shop"),
                                 .mails = invocation_value(invocation, "mails"),
                                 .json = invocation->json};
  ret_plan->options = (struct load_options){.mix = &ret_plan->mix, .retry = invocation_value(invocation, "retry")};
  struct status status = read_mix(session, ret_plan);
  if (status_is_ok(status)) status = read_numbers(session, &ret_plan->options);
  if (status_is_ok(status)) status = read_pace(session, ret_plan);
  const char *watched = invocation_value(invocation, "watch");
  if (status_is_ok(status) && watched) status = cpu_watch_parse(session->arena, watched, &ret_plan->watch);
  return status_is_ok(status) ? check_combination(session, ret_plan) : status;
}
