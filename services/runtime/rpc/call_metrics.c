/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/call_metrics.h"

#define CALL_LABELS "grpc_type", "grpc_service", "grpc_method"

static const struct metric started[] = {
    [CALL_OF_SERVER] = {.name = "grpc_server_started_total",
                        .help = "Total number of RPCs started on the server.",
                        .kind = METRIC_COUNTER,
                        .is_shared = true,
                        .labels = {CALL_LABELS}},
    [CALL_OF_CLIENT] = {.name = "grpc_client_started_total",
                        .help = "Total number of RPCs started on the client.",
                        .kind = METRIC_COUNTER,
                        .is_shared = true,
                        .labels = {CALL_LABELS}},
};

static const struct metric handled[] = {
    [CALL_OF_SERVER] = {.name = "grpc_server_handled_total",
                        .help = "Total number of RPCs completed on the server, regardless of success or failure.",
                        .kind = METRIC_COUNTER,
                        .is_shared = true,
                        .labels = {CALL_LABELS, "grpc_code"}},
    [CALL_OF_CLIENT] = {.name = "grpc_client_handled_total",
                        .help = "Total number of RPCs completed by the client, regardless of success or failure.",
                        .kind = METRIC_COUNTER,
                        .is_shared = true,
                        .labels = {CALL_LABELS, "grpc_code"}},
};

static const struct metric seconds[] = {
    [CALL_OF_SERVER] = {.name = "grpc_server_handling_seconds",
                        .help = "How long RPCs took on the server, from their arrival to their answer.",
                        .kind = METRIC_HISTOGRAM,
                        .is_shared = true,
                        .unit = 1e-6,
                        .labels = {CALL_LABELS},
                        .bounds = METRIC_SECONDS_BOUNDS},
    [CALL_OF_CLIENT] = {.name = "grpc_client_handling_seconds",
                        .help = "How long RPCs took until the client had their answer.",
                        .kind = METRIC_HISTOGRAM,
                        .is_shared = true,
                        .unit = 1e-6,
                        .labels = {CALL_LABELS},
                        .bounds = METRIC_SECONDS_BOUNDS},
};

/* As grpc-go writes them. */
static const char *const codes[CALL_CODES] = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

struct call_metrics call_metrics_of(enum call_side side, const char *type, const char *service, const char *method) {
  const char *const values[] = {type, service, method};
  return (struct call_metrics){
      .started = metric_counter(&started[side], values),
      .handled = metric_counters(&handled[side], values, codes, CALL_CODES),
      .seconds = metric_histogram(&seconds[side], values),
  };
}
