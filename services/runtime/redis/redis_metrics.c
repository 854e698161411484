/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_metrics.h"

static const struct metric commands = {.name = "redis_commands_total",
                                       .help = "Commands that were sent to Redis.",
                                       .kind = METRIC_COUNTER,
                                       .labels = {"purpose"}};
static const struct metric round_trips = {
    .name = "redis_round_trips_total",
    .help = "Writes to Redis: the commands of one turn of the loop travel together.",
    .kind = METRIC_COUNTER,
    .labels = {"purpose"}};
static const struct metric connects = {.name = "redis_connects_total",
                                       .help = "How often a connection to Redis came up, the first time included.",
                                       .kind = METRIC_COUNTER,
                                       .labels = {"purpose"}};
static const struct metric error_replies = {.name = "redis_error_replies_total",
                                            .help = "Errors that Redis answered.",
                                            .kind = METRIC_COUNTER,
                                            .labels = {"purpose"}};
static const struct metric out_of_memory = {.name = "redis_out_of_memory_replies_total",
                                            .help = "Commands that Redis refused because it is out of memory.",
                                            .kind = METRIC_COUNTER,
                                            .labels = {"purpose"}};
static const struct metric pending = {.name = "redis_commands_pending",
                                      .help = "Commands that Redis has not answered yet.",
                                      .kind = METRIC_GAUGE,
                                      .labels = {"purpose"}};
static const struct metric connections = {.name = "redis_connections",
                                          .help = "Connections to Redis that there are to be.",
                                          .kind = METRIC_GAUGE,
                                          .labels = {"purpose"}};
static const struct metric connections_ready = {.name = "redis_connections_ready",
                                                .help = "Connections to Redis that are up.",
                                                .kind = METRIC_GAUGE,
                                                .labels = {"purpose"}};
static const struct metric seconds = {
    .name = "redis_command_seconds",
    .help = "From a command to its answer; those that wait for events on purpose are left out.",
    .kind = METRIC_HISTOGRAM,
    .unit = 1e-6,
    .labels = {"purpose"},
    .bounds = {250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000}};

struct redis_metrics redis_metrics_of(const char *purpose) {
  const char *const values[] = {purpose};
  return (struct redis_metrics){
      .commands = metric_counter(&commands, values),
      .round_trips = metric_counter(&round_trips, values),
      .connects = metric_counter(&connects, values),
      .error_replies = metric_counter(&error_replies, values),
      .out_of_memory = metric_counter(&out_of_memory, values),
      .pending = metric_gauge(&pending, values),
      .connections = metric_gauge(&connections, values),
      .connections_ready = metric_gauge(&connections_ready, values),
      .seconds = metric_histogram(&seconds, values),
  };
}
