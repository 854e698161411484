/* SPDX-License-Identifier: Apache-2.0 */
/* A DNS server of one name for tests, in a thread of its own on 127.0.0.1: whatever is asked for, it answers the same
 * IPv4 addresses, which can be exchanged at any moment, as those of a headless Service in Kubernetes are.
 * gRPC asks it by the target "dns://127.0.0.1:<port>/<name>:<port of the service>". Functions are for any thread. */
#pragma once

#include <stddef.h>

struct name_server;

/* `addresses` ends with NULL; "127.0.0.1". Ends the test program if there is no port. */
struct name_server *name_server_start(const char *const *addresses);
void name_server_stop(struct name_server *server);

int name_server_port(const struct name_server *server);
void name_server_set(struct name_server *server, const char *const *addresses);
