/* SPDX-License-Identifier: Apache-2.0 */
/* What a program needs for TLS to Redis, from its settings. At start. */
#pragma once

#include "base/arena.h"
#include "base/status.h"
#include "tls/tls_client.h"

/* Opens what redis_options.tls needs if `url`, which is valid and the value of the variable <prefix><url_variable>,
 * says TLS; otherwise *ret_client is NULL. `paths` are of the files that the variables <prefix>REDIS_TLS_CA_FILE,
 * _CERTIFICATE_FILE and _KEY_FILE name, NULL or empty where they are not set. `logs` and the arena are as those of
 * tls_client_open. Errors: INVALID_ARGUMENT; CERTIFICATE_UNFIT as tls_client_open, CONFIGURATION_INVALID if files are
 * named and the URL is one in plain text: whoever named them takes the connection for safe. */
struct status redis_tls_open(struct arena *arena, const char *url, const char *url_variable, const char *prefix,
                             const struct tls_texts *paths, bool logs, struct tls_client **ret_client);
