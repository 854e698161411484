/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the gRPC names of services apart (https://grpc.github.io/grpc/core/md_doc_naming.html), for what connects by
 * itself instead of through gRPC. Any thread. */
#pragma once

#include <stddef.h>

#include "base/arena.h"

struct target_host {
  const char *host; /* a name or an address, without brackets */
  const char *port;
};

/* Finds the hosts that `target` names: "dns:///host:port" and "host:port" name one, "ipv4:a:port,b:port" and "ipv6:"
 * may name several. Returns how many there are, in the arena, or 0 if it is none of these. */
size_t target_hosts(struct arena *arena, const char *target, const struct target_host **ret_hosts);
