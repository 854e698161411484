/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/span_settings.h"

#include <string.h>

#include "rpc/span_exporter.h"
#include "trace/sampler.h"

struct status span_settings_check(const struct span_settings *settings, struct arena *arena, const char *prefix,
                                  const struct tls_files *tls) {
  if (!settings->endpoint || !span_endpoint_is_tls(settings->endpoint) || tls) return status_ok();
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_configuration_invalid,
                      "%sTRACES_ENDPOINT: https:// needs %sTLS_CERTIFICATE_FILE and %sTLS_KEY_FILE, too", prefix,
                      prefix, prefix);
}

void span_settings_rows(struct span_settings *settings, struct setting ret_rows[SPAN_SETTINGS]) {
  const struct setting rows[SPAN_SETTINGS] = {
      {.variable = "TRACES_ENDPOINT",
       .kind = SETTING_TEXT,
       .target = &settings->endpoint,
       .help =
           "collector that gets the spans by OTLP over gRPC, http://host:4317, or https:// with the own certificate",
       .check = span_endpoint_check},
      {.variable = "TRACES_RATIO",
       .kind = SETTING_TEXT,
       .target = &settings->ratio,
       .fallback = "0.01",
       .help = "of the traces that begin here, those that are recorded: 0 to 1; callers decide about theirs",
       .check = sampler_check_ratio},
  };
  memcpy(ret_rows, rows, sizeof rows);
}
