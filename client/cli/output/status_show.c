/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/output/status_show.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/timestamp.h"
#include "client/cli/output/show.h"
#include "client/cli/output/terminal.h"
#include "client/cli/output/terminal_text.h"
#include "client/client_reasons.h"
#include "message/json_write.h"

/* "dns:///127.0.0.1:50051" is 127.0.0.1:50051 to people. */
static const char *address_of(const struct service_report *report) {
  static const char scheme[] = "dns:///";
  return strncmp(report->address, scheme, strlen(scheme)) == 0 ? report->address + strlen(scheme) : report->address;
}

/* ---- cells ------------------------------------------------------------------------------------------------------ */

const char *status_duration_text(struct arena *arena, int64_t us) {
  static const struct {
    int64_t seconds;
    const char *unit;
  } units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
  int64_t seconds = us > 0 ? us / 1000000 : 0;
  for (size_t i = 0; i < 3; i++) {
    if (seconds < units[i].seconds) continue;
    int64_t more = seconds % units[i].seconds / units[i + 1].seconds;
    return arena_printf(arena, "%" PRId64 "%s %" PRId64 "%s", seconds / units[i].seconds, units[i].unit, more,
                        units[i + 1].unit);
  }
  return arena_printf(arena, "%" PRId64 "s", seconds);
}

static const char *consumer_text(const Ordershop__V1__ServiceStatus *status) {
  switch (status->consumer ? status->consumer->state : ORDERSHOP__V1__CONSUMER_STATE__CONSUMER_STATE_NONE) {
    case ORDERSHOP__V1__CONSUMER_STATE__CONSUMER_STATE_STARTING:
      return "starting";
    case ORDERSHOP__V1__CONSUMER_STATE__CONSUMER_STATE_ACTIVE:
      return "active";
    case ORDERSHOP__V1__CONSUMER_STATE__CONSUMER_STATE_STANDING_BY:
      return "standing by";
    case ORDERSHOP__V1__CONSUMER_STATE__CONSUMER_STATE_HALTED:
      return "halted";
    default:
      return "-";
  }
}

bool status_consumes(const Ordershop__V1__ServiceStatus *status) {
  return status && status->consumer && status->consumer->state > ORDERSHOP__V1__CONSUMER_STATE__CONSUMER_STATE_NONE;
}

static const char *count_text(struct arena *arena, int64_t count) {
  return count < 0 ? "?" : arena_printf(arena, "%" PRId64, count);
}

const char *status_lag_text(struct arena *arena, const Ordershop__V1__ConsumerStatus *consumer) {
  const char *entries = count_text(arena, consumer->lag_entries);
  if (!consumer->lag_time || consumer->lag_time->seconds < 1) return entries;
  return arena_printf(arena, "%s (%s)", entries, status_duration_text(arena, consumer->lag_time->seconds * 1000000));
}

enum { COLUMNS = 8 };
static const char *const headings[COLUMNS] = {"SERVICE",  "READY", "VERSION", "UPTIME",
                                              "CONSUMER", "LAG",   "DEAD",    "ADDRESS"};
enum { READY_COLUMN = 1, LAG_COLUMN = 5, DEAD_COLUMN = 6 };

static void fill_row(struct arena *arena, const struct service_report *report, const char *cells[COLUMNS]) {
  const Ordershop__V1__ServiceStatus *status = report->reading.status;
  cells[0] = report->name;
  for (int i = 1; i < COLUMNS - 1; i++) cells[i] = "-";
  cells[COLUMNS - 1] = terminal_line(arena, address_of(report));
  cells[READY_COLUMN] = status && status->ready ? "yes" : "no";
  if (!status) return;
  cells[2] = terminal_line(arena, status->version);
  cells[3] = status_duration_text(arena, clock_wall_us() - timestamp_unix_us(status->start_time));
  cells[4] = consumer_text(status);
  if (!status_consumes(status)) return;
  cells[LAG_COLUMN] = status_lag_text(arena, status->consumer);
  cells[DEAD_COLUMN] = count_text(arena, status->consumer->parked_events);
}

/* ---- advice ----------------------------------------------------------------------------------------------------- */

/* gRPC tells the whole way to a failed connection; its end is what has happened. */
static const char *cause_of(const char *message) {
  static const char *const introductions[] = {"last error: ", "Failed to connect to remote host: "};
  for (size_t i = 0; i < sizeof(introductions) / sizeof(introductions[0]); i++) {
    const char *at = strstr(message, introductions[i]);
    if (at) message = at + strlen(introductions[i]);
  }
  return message;
}

static const char *advice_without_answer(struct arena *arena, const struct service_report *report) {
  const char *name = report->name, *address = address_of(report);
  switch (report->call.code) {
    case STATUS_UNAVAILABLE:
      if (status_is(report->call, reason_peer_refused)) return report->call.message; /* TLS; says it all */
      return arena_printf(arena,
                          "%s doesn't answer at %s: start it (deploy/local/up.sh %s) or say where it is with "
                          "--%s-address (%s)",
                          name, address, name, name, cause_of(report->call.message));
    case STATUS_DEADLINE_EXCEEDED:
      return arena_printf(arena, "%s took too long to answer at %s: see its log, or wait longer with --timeout SECONDS",
                          name, address);
    case STATUS_UNIMPLEMENTED:
      return arena_printf(arena, "%s: what answers at %s tells no status; it is an older version, or another program",
                          name, address);
    default:
      return arena_printf(arena, "%s at %s: %s (%s)", name, address, report->call.message,
                          status_code_name(report->call.code));
  }
}

static bool has_same_reason(const struct service_report *left, const struct service_report *right) {
  if (!left->reading.status || !right->reading.status || left->reading.status->ready || right->reading.status->ready)
    return false;
  return *left->reading.status->reason && strcmp(left->reading.status->reason, right->reading.status->reason) == 0;
}

/* "customer, product, order": those from `reports` on that are not ready for the same reason as the first. */
static const char *names_of(struct arena *arena, const struct service_report *reports, size_t count, bool *ret_many) {
  const char *names = reports->name;
  *ret_many = false;
  for (size_t i = 1; i < count; i++) {
    if (!has_same_reason(reports, &reports[i])) continue;
    names = arena_printf(arena, "%s, %s", names, reports[i].name);
    *ret_many = true;
  }
  return names;
}

static const char *advice_of_reason(struct arena *arena, const struct service_report *reports, size_t count) {
  const Ordershop__V1__ServiceStatus *status = reports->reading.status;
  bool many;
  const char *names = names_of(arena, reports, count, &many);
  bool halted =
      status_consumes(status) && status->consumer->state == ORDERSHOP__V1__CONSUMER_STATE__CONSUMER_STATE_HALTED;
  const char *then = halted ? ""
                     : many ? "; they go on by themselves when that is over"
                            : "; it goes on by itself when that is over";
  if (status->ready) return arena_printf(arena, "%s: %s", names, status->reason);
  return arena_printf(arena, "%s %s not ready: %s%s", names, many ? "are" : "is", status->reason, then);
}

/* Whoever looks after the shop has to decide. */
static const char *advice_of_parked(struct arena *arena, const struct service_report *report) {
  const Ordershop__V1__ConsumerStatus *consumer = report->reading.status->consumer;
  const char *name = report->name;
  return arena_printf(arena,
                      "%s has dead-lettered %s event%s of %s key%s: ordershop dead-letter list %s tells why, and retry "
                      "handles them again",
                      name, count_text(arena, consumer->parked_events), consumer->parked_events == 1 ? "" : "s",
                      count_text(arena, consumer->parked_keys), consumer->parked_keys == 1 ? "" : "s", name);
}

static bool is_told_already(const struct service_report *reports, size_t index) {
  for (size_t i = 0; i < index; i++) {
    if (has_same_reason(&reports[i], &reports[index])) return true;
  }
  return false;
}

const char *status_advice(struct arena *arena, const struct service_report *reports, size_t count, size_t index) {
  const struct service_report *report = &reports[index];
  const char *advice = NULL;
  if (is_told_already(reports, index)) return NULL;
  if (!report->reading.status) {
    advice = advice_without_answer(arena, report);
  } else if (*report->reading.status->reason) {
    advice = advice_of_reason(arena, report, count - index);
  } else if (status_consumes(report->reading.status) && report->reading.status->consumer->parked_keys > 0) {
    advice = advice_of_parked(arena, report);
  }
  return advice ? terminal_line(arena, advice) : NULL;
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

static bool is_right_aligned(int column) {
  return column == LAG_COLUMN || column == DEAD_COLUMN;
}

static enum paint paint_of(const struct service_report *report, int column) {
  const Ordershop__V1__ServiceStatus *status = report->reading.status;
  if (column == READY_COLUMN) return status && status->ready ? PAINT_GOOD : PAINT_BAD;
  if (column == DEAD_COLUMN && status_consumes(status) && status->consumer->parked_keys > 0) return PAINT_WARNING;
  return PAINT_PLAIN;
}

/* `report` NULL means the headings. */
static void print_row(struct arena *arena, const struct service_report *report, const char *const *cells,
                      const int *widths) {
  for (int i = 0; i < COLUMNS; i++) {
    int padding = widths[i] - (int)terminal_width(cells[i]);
    const char *text = terminal_paint(arena, report ? paint_of(report, i) : PAINT_HEADING, cells[i]);
    if (i > 0) printf("  ");
    if (is_right_aligned(i)) printf("%*s%s", padding, "", text);
    if (!is_right_aligned(i)) printf("%s%*s", text, i + 1 < COLUMNS ? padding : 0, "");
  }
  putchar('\n');
}

void status_show_table(struct arena *arena, const struct service_report *reports, size_t count) {
  const char *(*rows)[COLUMNS] = arena_calloc(arena, count + 1, sizeof(*rows));
  int widths[COLUMNS] = {0};
  memcpy(rows[0], headings, sizeof(headings));
  for (size_t i = 0; i < count; i++) fill_row(arena, &reports[i], rows[i + 1]);
  for (size_t i = 0; i <= count; i++) {
    for (int column = 0; column < COLUMNS; column++) {
      int width = (int)terminal_width(rows[i][column]);
      if (width > widths[column]) widths[column] = width;
    }
  }
  for (size_t i = 0; i <= count; i++) print_row(arena, i > 0 ? &reports[i - 1] : NULL, rows[i], widths);
  status_show_advice(arena, reports, count);
}

void status_show_advice(struct arena *arena, const struct service_report *reports, size_t count) {
  bool advised = false;
  for (size_t i = 0; i < count; i++) {
    const char *advice = status_advice(arena, reports, count, i);
    if (!advice) continue;
    printf("%s%s\n", advised ? "" : "\n", advice);
    advised = true;
  }
}

static json_t *rates_json(const struct status_rates *rates) {
  json_t *json = json_pack("{s:f, s:f, s:f, s:f}", "seconds", rates->seconds, "callsPerSecond", rates->calls,
                           "failedPerSecond", rates->failed, "eventsPerSecond", rates->events);
  if (!isnan(rates->p99_seconds)) json_object_set_new(json, "p99Seconds", json_real(rates->p99_seconds));
  return json;
}

static json_t *report_json(const struct service_report *report) {
  json_t *json = NULL;
  if (report->reading.status) {
    json = json_of_message(report->reading.status);
  } else {
    json = json_pack("{s:s, s:b}", "service", report->name, "ready", 0);
    json_object_set_new(json, "reason", json_string(status_advice(report->arena, report, 1, 0)));
  }
  json_object_set_new(json, "address", json_string(address_of(report)));
  struct status_rates rates = status_rates_between(report->before, report->reading);
  if (rates.known) json_object_set_new(json, "rates", rates_json(&rates));
  return json;
}

void status_show_json(const struct service_report *reports, size_t count) {
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(list, report_json(&reports[i]));
  show_json_value(json_pack("{s:o}", "services", list));
}
