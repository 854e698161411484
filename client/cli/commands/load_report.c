/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/commands/load_report.h"

#include <inttypes.h>
#include <jansson.h>

#include "client/load/plot.h"

static double calls_per_second(const struct load_tally *tally) {
  return (double)tally->latency.count / tally->seconds;
}

static double offered_per_second(const struct load_tally *tally) {
  return (double)(tally->latency.count + tally->failures) / tally->seconds;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static json_t *percentiles(const struct histogram *histogram) {
  return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "p50", histogram_percentile(histogram, 50), "p90",
                   histogram_percentile(histogram, 90), "p99", histogram_percentile(histogram, 99), "p999",
                   histogram_percentile(histogram, 99.9), "p9999", histogram_percentile(histogram, 99.99), "max",
                   histogram_percentile(histogram, 100), "mean", histogram_mean(histogram));
}

static json_t *failures_by_code(const struct load_tally *tally) {
  json_t *codes = json_object();
  for (int code = 0; code < LOAD_CODES; code++) {
    if (tally->by_code[code] == 0) continue;
    json_object_set_new(codes, status_code_name((enum status_code)code),
                        json_integer((json_int_t)tally->by_code[code]));
  }
  return codes;
}

static json_t *failures_by_reason(const struct load_tally *tally) {
  json_t *failures = json_array();
  for (size_t i = 0; i < tally->reason_count; i++) {
    const struct load_failure *failure = &tally->by_reason[i];
    json_array_append_new(
        failures, json_pack("{s:s, s:s, s:I, s:s}", "code", status_code_name(failure->code), "reason", failure->reason,
                            "count", (json_int_t)failure->count, "message", failure->message));
  }
  return failures;
}

static json_t *calls_by_second(const struct load_tally *tally) {
  json_t *seconds = json_array();
  for (int i = 0; i < (int)tally->seconds; i++) {
    json_array_append_new(seconds, json_integer((json_int_t)tally->by_second[i]));
  }
  return seconds;
}

static json_t *commands(const struct load_tally *tally) {
  json_t *all = json_object();
  for (size_t i = 0; i < tally->command_count; i++) {
    const struct load_command_tally *command = &tally->commands[i];
    if (command->latency.count + command->failures == 0) continue;
    json_object_set_new(all, command->command->method,
                        json_pack("{s:I, s:I, s:o}", "calls", (json_int_t)command->latency.count, "failures",
                                  (json_int_t)command->failures, "latencyMs", percentiles(&command->latency)));
  }
  return all;
}

static json_t *weights(const struct load_mix *mix) {
  json_t *all = json_object();
  for (size_t i = 0; i < mix->count; i++) {
    json_object_set_new(all, mix->shares[i].command->method, json_integer(mix->shares[i].weight));
  }
  return all;
}

/* Microseconds of CPU a call; and of others, as a part of one core. */
static void add_watched(json_t *whole, const struct load_step *step) {
  const struct cpu_watch *watch = &step->watch;
  double calls = (double)(step->tally.latency.count + step->tally.failures);
  if (watch->count == 0 || calls == 0 || watch->wall_us == 0) return;
  json_t *cpu = json_object();
  for (size_t i = 0; i < watch->count; i++) {
    json_object_set_new(cpu, watch->processes[i].name, json_real(watch->processes[i].used_us / calls));
  }
  json_object_set_new(whole, "cpuUs", cpu);
  json_object_set_new(whole, "others", json_real(watch->others_us / (double)watch->wall_us));
}

static json_t *step_json(const struct load_plan *plan, const struct load_step *step) {
  const struct load_tally *tally = &step->tally;
  json_t *whole =
      json_pack("{s:s, s:i, s:f, s:I, s:I, s:I, s:f, s:f, s:f}", "mode", plan->name, "connections",
                plan->options.connections, "seconds", tally->seconds, "calls", (json_int_t)tally->latency.count,
                "failures", (json_int_t)tally->failures, "retries", (json_int_t)tally->retries, "perSecond",
                calls_per_second(tally), "offeredPerSecond", offered_per_second(tally), "generatorCpuUs", step->cpu_us);
  if (step->rate > 0) json_object_set_new(whole, "rate", json_integer(step->rate));
  if (step->rate == 0) json_object_set_new(whole, "inFlight", json_integer(plan->options.in_flight));
  json_object_set_new(whole, "mix", weights(&plan->mix));
  json_object_set_new(whole, "latencyMs", percentiles(&tally->latency));
  json_object_set_new(whole, "begunLateMs", percentiles(&tally->late));
  json_object_set_new(whole, "commands", commands(tally));
  json_object_set_new(whole, "failuresByCode", failures_by_code(tally));
  json_object_set_new(whole, "failuresByReason", failures_by_reason(tally));
  json_object_set_new(whole, "warmUp",
                      json_pack("{s:I, s:I}", "calls", (json_int_t)tally->warm_up_calls, "failures",
                                (json_int_t)tally->warm_up_failures));
  json_object_set_new(whole, "callsBySecond", calls_by_second(tally));
  if (tally->refused.count > 0) json_object_set_new(whole, "refusedMs", percentiles(&tally->refused));
  add_watched(whole, step);
  if (!plan->mails) return whole;
  json_object_set_new(whole, "mailsMs", percentiles(&step->mails));
  if (step->mails_by_log_time.count == step->mails.count) {
    json_object_set_new(whole, "mailsByLogTimeMs", percentiles(&step->mails_by_log_time));
  }
  json_object_set_new(whole, "ordersWithMails", json_integer((json_int_t)step->mails.count));
  json_object_set_new(whole, "ordersWithoutMails", json_integer((json_int_t)step->orders_without_mails));
  return whole;
}

static json_t *sweep_json(const struct load_report *report) {
  json_t *steps = json_array();
  for (size_t i = 0; i < report->step_count; i++) {
    json_array_append_new(steps, step_json(report->plan, &report->steps[i]));
  }
  return json_pack("{s:s, s:o}", "mode", report->plan->name, "sweep", steps);
}

static void print_json(const struct load_report *report) {
  json_t *whole = report->plan->rate_count > 0 ? sweep_json(report) : step_json(report->plan, &report->steps[0]);
  if (report->disk.count > 0) json_object_set_new(whole, "fsyncMs", percentiles(&report->disk));
  json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
  putchar('\n');
  json_decref(whole);
}

/* ---- text ------------------------------------------------------------------------------------------------------- */

static void print_percentiles(const char *what, const struct histogram *histogram) {
  printf("%-10s p50 %.2f ms  p90 %.2f  p99 %.2f  p99.9 %.2f  p99.99 %.2f  max %.2f\n", what,
         histogram_percentile(histogram, 50), histogram_percentile(histogram, 90), histogram_percentile(histogram, 99),
         histogram_percentile(histogram, 99.9), histogram_percentile(histogram, 99.99),
         histogram_percentile(histogram, 100));
}

static void print_commands(const struct load_tally *tally) {
  for (size_t i = 0; i < tally->command_count && tally->command_count > 1; i++) {
    const struct load_command_tally *command = &tally->commands[i];
    const struct histogram *latency = &command->latency;
    if (latency->count + command->failures == 0) continue;
    printf("  %-22s %10.0f/s  p50 %.2f ms  p99 %.2f  p99.9 %.2f  failed %" PRIu64 "\n", command->command->method,
           (double)latency->count / tally->seconds, histogram_percentile(latency, 50),
           histogram_percentile(latency, 99), histogram_percentile(latency, 99.9), command->failures);
  }
}

static void print_failures(const struct load_tally *tally) {
  printf("%-10s %" PRIu64 "\n", "failures", tally->failures);
  for (size_t i = 0; i < tally->reason_count; i++) {
    const struct load_failure *failure = &tally->by_reason[i];
    printf("  %s%s%s %" PRIu64 ": %s\n", status_code_name(failure->code), *failure->reason ? " " : "", failure->reason,
           failure->count, failure->message);
  }
  if (tally->warm_up_failures > 0) {
    printf("  and %" PRIu64 " of %" PRIu64 " calls of the warm-up\n", tally->warm_up_failures, tally->warm_up_calls);
  }
}

static void print_mails(const struct load_step *step) {
  print_percentiles("to mails", &step->mails);
  if (step->orders_without_mails == 0) return;
  printf("%-10s of %" PRIu64 " orders came, although they were waited for\n", "no mails", step->orders_without_mails);
}

static void print_watched(const struct load_step *step) {
  const struct cpu_watch *watch = &step->watch;
  double calls = (double)(step->tally.latency.count + step->tally.failures);
  if (watch->count == 0 || calls == 0 || watch->wall_us == 0) return;
  printf("%-10s", "CPU a call");
  for (size_t i = 0; i < watch->count; i++) {
    printf(" %s %.1f us", watch->processes[i].name, watch->processes[i].used_us / calls);
  }
  printf("; others use %.0f %% of a core\n", 100 * watch->others_us / (double)watch->wall_us);
}

static void print_step(const struct load_plan *plan, const struct load_step *step) {
  const struct load_tally *tally = &step->tally;
  printf("%-10s %d calls %s on %d connections, for %.0f s\n", plan->name,
         step->rate > 0 ? step->rate : plan->options.in_flight, step->rate > 0 ? "begun each second" : "in flight",
         plan->options.connections, tally->seconds);
  printf("%-10s %.0f calls/s (%" PRIu64 " calls)\n", "rate", calls_per_second(tally), tally->latency.count);
  print_percentiles("latency", &tally->latency);
  print_commands(tally);
  if (tally->refused.count > 0) print_percentiles("refused", &tally->refused);
  if (plan->mails) print_mails(step);
  print_failures(tally);
  if (plan->options.retry) printf("%-10s %" PRIu64 "\n", "retries", tally->retries);
  print_watched(step);
  printf("%-10s %.1f us of CPU a call; begun late by %.2f ms at p99, %.2f at most\n", "generator", step->cpu_us,
         histogram_percentile(&tally->late, 99), histogram_percentile(&tally->late, 100));
}

void load_report_print(const struct load_report *report) {
  if (report->plan->json) return print_json(report);
  for (size_t i = 0; i < report->step_count; i++) {
    if (i > 0) putchar('\n');
    print_step(report->plan, &report->steps[i]);
  }
  if (report->disk.count > 0) print_percentiles("fsync", &report->disk);
}

/* ---- picture ---------------------------------------------------------------------------------------------------- */

void load_report_plot(const struct load_report *report, FILE *to) {
  static const double percents[] = {50, 90, 99, 99.9};
  double rates[LOAD_STEPS_MAX], values[5][LOAD_STEPS_MAX];
  struct plot_line lines[5] = {
      {"p50", values[0]}, {"p90", values[1]}, {"p99", values[2]}, {"p99.9", values[3]}, {"to mails p99", values[4]}};
  for (size_t i = 0; i < report->step_count; i++) {
    const struct load_step *step = &report->steps[i];
    rates[i] = step->rate;
    for (size_t at = 0; at < 4; at++) values[at][i] = histogram_percentile(&step->tally.latency, percents[at]);
    values[4][i] = histogram_percentile(&step->mails, 99);
  }
  const struct plot plot = {.title = report->plan->title,
                            .x_title = "calls begun each second",
                            .y_title = "ms",
                            .x = rates,
                            .count = report->step_count,
                            .lines = lines,
                            .line_count = report->plan->mails ? 5 : 4};
  plot_write(&plot, to);
}
