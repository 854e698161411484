/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials of servers and channels, in one place: TLS 1.2 or later by the files of an identity, or plain text.
 * The caller releases the result (grpc_server_credentials_release, grpc_channel_credentials_release). Any thread. */
#pragma once

#include <grpc/grpc.h>

#include "rpc/rpc_server.h"
#include "tls/tls_files.h"

/* `tls` NULL means plain text. Each new connection uses what the files hold when it is made. With CA's, callers must
 * show a certificate of one of these (RPC_CLIENTS_CERTIFIED), or may (RPC_CLIENTS_ANY). `arena` lives as long as the
 * server. */
grpc_server_credentials *rpc_credentials_for_server(struct arena *arena, struct tls_files *tls,
                                                    enum rpc_clients clients);

/* `tls` NULL means plain text. The result holds what the files hold now, whose number is *ret_version, since gRPC's
 * channels can't exchange it. Without CA's, the system's are trusted. */
grpc_channel_credentials *rpc_credentials_for_channel(struct tls_files *tls, uint64_t *ret_version);
