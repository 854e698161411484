/* SPDX-License-Identifier: Apache-2.0 */
/* `ordershop load`: what a shop bears, and how long its answers take. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "client/cli/commands/load_report.h"
#include "client/cli/commands/load_shop_file.h"
#include "client/cli/events/order_mails.h"
#include "client/cli/line/command_parts.h"
#include "client/cli/line/failure.h"
#include "client/cli/line/interrupt.h"
#include "client/cli/output/progress_bar.h"
#include "client/load/fsync_probe.h"
#include "shop_brand.h"

enum { PROBE_MS = 2000, PATIENCE_MS = 20000 /* without a further mail */ };

/* ---- arguments -------------------------------------------------------------------------------------------------- */

static const struct flag flags[] = {
    {.name = "mode",
     .value = "MODE",
     .kind = FLAG_OWN,
     .help = "What to call: order (CreateOrder; the default), customer (CreateCustomer) or get (GetCustomer)",
     .choices = load_mode_names},
    {.name = "mix",
     .value = "COMMAND=WEIGHT,...",
     .kind = FLAG_OWN,
     .help = "Instead: any commands, and how often they are called against each other, as in "
             "CreateOrder=5,GetCustomer=80"},
    {.name = "in-flight", .value = "N", .kind = FLAG_OWN, .help = "Calls at once (64)"},
    {.name = "rate",
     .value = "N",
     .kind = FLAG_OWN,
     .help = "Instead: calls that begin each second, however many have not ended"},
    {.name = "sweep", .value = "N,N,...", .kind = FLAG_OWN, .help = "Instead: several such rates, one after the other"},
    {.name = "plot", .value = "FILE.svg", .kind = FLAG_OWN, .help = "Draw the latencies of a sweep over its rates"},
    {.name = "mails",
     .kind = FLAG_OWN,
     .help = "Also measure from each order's answer to the recording of its mails, by their events in Redis"},
    {.name = "deadline",
     .value = "MS",
     .kind = FLAG_OWN,
     .help = "Milliseconds that a call may take, with its retries (10000)"},
    {.name = "connections",
     .value = "N",
     .kind = FLAG_OWN,
     .help = "Connections to each service (4, or as many as calls)"},
    {.name = "seconds", .value = "N", .kind = FLAG_OWN, .help = "How long it is measured (10)"},
    {.name = "warm-up", .value = "N", .kind = FLAG_OWN, .help = "Seconds before that (2)"},
    {.name = "products", .value = "N", .kind = FLAG_OWN, .help = "Units in an order (3)"},
    {.name = "prepare",
     .value = "N",
     .kind = FLAG_OWN,
     .help = "Customers, products, ... that are made before, of each that the calls need (100)"},
    {.name = "shop",
     .value = "FILE",
     .kind = FLAG_OWN,
     .help = "Where the ids of these are kept: what is in the file is not made again"},
    {.name = "watch",
     .value = "NAME=PID,...",
     .kind = FLAG_OWN,
     .help = "Also measure what these processes of this machine cost a call"},
    {.name = "disk",
     .value = "FOLDER",
     .kind = FLAG_OWN,
     .help = "Also measure how long 4 KiB take to become durable there"},
    {.name = "retry", .kind = FLAG_OWN, .help = "Try again what failed, as the client library does"},
    {.name = "redis-url",
     .value = "URL",
     .kind = FLAG_OWN,
     .help = "For --mails: where the shop's Redis is (ORDERSHOP_REDIS_URL; that of deploy/local/up.sh, as its user "
             "operator)"},
    {.name = "redis-password-file",
     .value = "FILE",
     .kind = FLAG_OWN,
     .help = "For --mails: file whose first line is the password for Redis (ORDERSHOP_REDIS_PASSWORD_FILE)"},
    {.name = "redis-tls-ca-file",
     .value = "FILE",
     .kind = FLAG_OWN,
     .help =
         "For --mails, with TLS to Redis: PEM file of the CAs to trust (ORDERSHOP_REDIS_TLS_CA_FILE; the system's)"},
    {.name = "redis-tls-certificate-file",
     .value = "FILE",
     .kind = FLAG_OWN,
     .help = "For --mails: PEM file of the certificate that Redis is shown (ORDERSHOP_REDIS_TLS_CERTIFICATE_FILE)"},
    {.name = "redis-tls-key-file",
     .value = "FILE",
     .kind = FLAG_OWN,
     .help = "For --mails: PEM file of that certificate's key (ORDERSHOP_REDIS_TLS_KEY_FILE)"},
    {.name = "key-prefix",
     .value = "PREFIX",
     .kind = FLAG_OWN,
     .help = "For --mails: put before every key in Redis (ORDERSHOP_KEY_PREFIX)"},
    {.name = "order-redis-url",
     .value = "URL",
     .kind = FLAG_OWN,
     .help = "For --mails: the order service's Redis, if that has one of its own (ORDERSHOP_ORDER_REDIS_URL)"},
    {.name = "order-redis-password-file",
     .value = "FILE",
     .kind = FLAG_OWN,
     .help = "For --mails: file whose first line is the password for that Redis "
             "(ORDERSHOP_ORDER_REDIS_PASSWORD_FILE)"},
    {.name = "order-key-prefix",
     .value = "PREFIX",
     .kind = FLAG_OWN,
     .help = "For --mails: what the keys of the order service begin with, if with anything of its own "
             "(ORDERSHOP_ORDER_KEY_PREFIX)"},
    {.name = "mail-redis-url",
     .value = "URL",
     .kind = FLAG_OWN,
     .help = "For --mails: the mail service's Redis, if that has one of its own (ORDERSHOP_MAIL_REDIS_URL)"},
    {.name = "mail-redis-password-file",
     .value = "FILE",
     .kind = FLAG_OWN,
     .help = "For --mails: file whose first line is the password for that Redis "
             "(ORDERSHOP_MAIL_REDIS_PASSWORD_FILE)"},
    {.name = "mail-key-prefix",
     .value = "PREFIX",
     .kind = FLAG_OWN,
     .help = "For --mails: what the keys of the mail service begin with, if with anything of its own "
             "(ORDERSHOP_MAIL_KEY_PREFIX)"},
    {0},
};

/* ---- one run ---------------------------------------------------------------------------------------------------- */

/* What all runs of the command work with. */
struct loading {
  const struct session *session;
  struct load_plan plan;
  struct load_target target;
  struct load_shop shop;
  struct order_mails *mails; /* NULL if they are not followed */
  FILE *plot;                /* NULL if none is drawn */
  struct progress_bar progress;
  struct load_report report;
};

static void show_progress(void *argument, const struct load_progress *now) {
  struct loading *loading = argument;
  struct arena *arena = arena_new();
  const char *text =
      arena_printf(arena, "%.0f of %.0f s, %llu calls, %llu failed, %llu under way", (double)now->elapsed_us / 1e6,
                   (double)now->total_us / 1e6, (unsigned long long)now->calls, (unsigned long long)now->failures,
                   (unsigned long long)now->under_way);
  progress_bar_show(&loading->progress, (uint64_t)now->elapsed_us, (uint64_t)now->total_us, text);
  arena_free(arena);
}

static void take_reply(void *argument, const struct load_command *command, const struct call *call) {
  const struct loading *loading = argument;
  const char *id = command->makes == LOAD_ORDER ? load_reply_id(call, 1) : NULL;
  if (id) order_mails_acknowledge(loading->mails, id);
}

static double cpu_us(void) {
  struct rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static struct status run_step(struct loading *loading, struct load_step *step) {
  struct load_options options = loading->plan.options;
  if (step->rate > 0) options.rate = step->rate;
  step->rate = options.rate;
  options.show_progress = show_progress;
  step->watch = loading->plan.watch;
  options.watch = step->watch.count > 0 ? &step->watch : NULL;
  options.take_reply = loading->mails ? take_reply : NULL;
  options.argument = loading;
  double before_us = cpu_us();
  struct status status = load_run(loading->session->arena, &loading->target, &options, &loading->shop, &step->tally);
  const struct load_tally *tally = &step->tally;
  uint64_t calls = status_is_ok(status) ? tally->warm_up_calls + tally->latency.count + tally->failures : 0;
  if (calls > 0) step->cpu_us = (cpu_us() - before_us) / (double)calls;
  progress_bar_hide(&loading->progress);
  if (loading->mails) {
    step->orders_without_mails =
        order_mails_collect(loading->mails, PATIENCE_MS, &step->mails, &step->mails_by_log_time);
  }
  return status;
}

static struct status run_steps(struct loading *loading) {
  struct load_report *report = &loading->report;
  size_t count = loading->plan.rate_count > 0 ? loading->plan.rate_count : 1;
  report->plan = &loading->plan;
  report->steps = arena_calloc(loading->session->arena, count, sizeof(*report->steps));
  struct status status = status_ok();
  for (; report->step_count < count && status_is_ok(status); report->step_count++) {
    struct load_step *step = &report->steps[report->step_count];
    step->rate = loading->plan.rates[report->step_count];
    status = run_step(loading, step);
  }
  return status;
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

/* The client library explains what is wrong with an address or with TLS. A server without health is all right. */
static struct status check_services(const struct loading *loading) {
  for (size_t i = 0; i < loading->plan.mix.count; i++) {
    const struct context context = {.arena = loading->session->arena};
    bool serving;
    struct status status = ordershop_check_health(loading->session->client, &context,
                                                  loading->plan.mix.shares[i].command->service, &serving);
    if (!status_is_ok(status) && status.code != STATUS_UNIMPLEMENTED && status.code != STATUS_NOT_FOUND) return status;
  }
  return status_ok();
}

static struct status find_target(struct loading *loading) {
  const struct session *session = loading->session;
  const struct tls_texts paths = {.certificate = session->options.tls_certificate_file,
                                  .key = session->options.tls_key_file,
                                  .ca = session->options.tls_ca_file};
  for (int service = 0; service < ORDERSHOP_SERVICE_COUNT; service++) {
    loading->target.addresses[service] = ordershop_client_address(session->client, (enum ordershop_service)service);
  }
  struct status status = load_check_target(session->arena, &loading->target, &loading->plan.mix);
  if (!status_is_ok(status)) return status;
  return tls_files_open(session->arena, shop_brand.environment_prefix, &paths, false, &loading->target.tls);
}

static struct status prepare(struct loading *loading) {
  struct arena *arena = loading->session->arena;
  const char *file = loading->plan.shop_file;
  struct status status = check_services(loading);
  if (status_is_ok(status)) status = load_prepare(arena, &loading->target, &loading->plan.options, &loading->shop);
  return status_is_ok(status) && file ? load_shop_file_write(arena, file, &loading->shop) : status;
}

static struct status prepare_and_run(struct loading *loading) {
  const struct session *session = loading->session;
  struct status status = prepare(loading);
  if (status_is_ok(status) && loading->plan.mails) {
    status = order_mails_open(session->arena, session->invocation, &loading->mails);
  }
  if (status_is_ok(status)) status = run_steps(loading);
  if (loading->mails) order_mails_close(loading->mails);
  load_shop_clear(&loading->shop);
  tls_files_close(loading->target.tls);
  return status;
}

/* Before the run: minutes later it would be too late to say that it can't be written. */
static struct status open_plot(struct loading *loading) {
  const char *name = loading->plan.plot_file;
  if (!name) return status_ok();
  loading->plot = fopen(name, "we");
  if (loading->plot) return status_ok();
  return status_error(loading->session->arena, STATUS_INVALID_ARGUMENT, reason_usage, "--plot: %s: %s", name,
                      strerror(errno));
}

static bool close_plot(struct loading *loading) {
  if (!loading->plot) return true;
  load_report_plot(&loading->report, loading->plot);
  bool written = !ferror(loading->plot);
  if (fclose(loading->plot) == 0 && written) return true;
  fprintf(stderr, "ordershop: %s: %s\n", loading->plan.plot_file, strerror(errno));
  return false;
}

static struct status first_failure(const struct load_report *report) {
  for (size_t i = 0; i < report->step_count; i++) {
    if (!status_is_ok(report->steps[i].tally.first_failure)) return report->steps[i].tally.first_failure;
  }
  return status_ok();
}

static uint64_t orders_without_mails(const struct load_report *report) {
  uint64_t count = 0;
  for (size_t i = 0; i < report->step_count; i++) count += report->steps[i].orders_without_mails;
  return count;
}

static int report(struct loading *loading) {
  load_report_print(&loading->report);
  bool drawn = close_plot(loading);
  struct status failure = first_failure(&loading->report);
  if (!status_is_ok(failure)) return failure_of_command(loading->session, failure, NULL);
  if (!drawn) return EXIT_USAGE;
  return orders_without_mails(&loading->report) > 0 ? EXIT_UNAVAILABLE : EXIT_DONE;
}

static int run(struct session *session) {
  struct loading loading = {.session = session};
  struct status status = load_plan_read(session, &loading.plan);
  if (status_is_ok(status)) status = open_plot(&loading);
  if (status_is_ok(status) && loading.plan.folder) {
    status = fsync_probe(session->arena, loading.plan.folder, PROBE_MS, &loading.report.disk);
  }
  if (status_is_ok(status) && loading.plan.shop_file) {
    status = load_shop_file_read(session->arena, loading.plan.shop_file, &loading.shop);
  }
  if (status_is_ok(status)) status = find_target(&loading);
  if (!status_is_ok(status)) return failure_of_usage(session->invocation->json, status);
  interrupt_keep_pipes(); /* a TLS connection that is closed is no reason to end */
  status = prepare_and_run(&loading);
  return status_is_ok(status) ? report(&loading) : failure_of_command(session, status, NULL);
}

const struct noun load_commands = {
    .name = "load",
    .help = "Call the shop as fast as it answers, or at given rates, and tell how that goes",
    .details =
        "Keeps so many calls under way and prints their rate and latencies; beside them, with --disk, how long the "
        "disk takes to make 4 KiB durable: no command can be faster than that. With --rate it begins so many calls "
        "a second instead, evenly, whatever becomes of those before, and a latency counts from when the call was to "
        "begin: what a shop does that is called more often than it can answer shows only so. A mix names commands "
        "of the API (CreateOrder, GetCustomer ...); where a command uses something up, as DeleteOrder does, and "
        "nothing is left of it, it is made instead, and counted as what it is. What failed is counted by code and "
        "reason, and the report says what the load generator itself costs and how late it was. It makes customers, "
        "products with plenty of stock, orders, billings and mails to load@example.com, as the mix needs them: "
        "don't point it at a shop that matters. Exit status: 0 no call failed; 1 some were refused; 2 wrong "
        "arguments, settings or files; 3 a service was unavailable, overloaded or did not answer in time, or orders "
        "were left without mails.",
    .flags = flags,
    .examples = (const char *const[]){"load --in-flight 64 --seconds 10",
                                      "load --mix CreateOrder=5,UpdateOrder=1,GetCustomer=80,ListOrders=2 --rate 2000",
                                      "load --sweep 200,400,800,1600 --plot latency.svg",
                                      "load --rate 300 --mails --json", "load --rate 2000 --deadline 1000", NULL},
    .run = run,
};
