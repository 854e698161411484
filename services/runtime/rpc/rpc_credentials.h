/* Credentials of servers and channels, in one place. Plain text so far: services talk inside one trusted network.
 * The caller releases the result (grpc_server_credentials_release, grpc_channel_credentials_release). Any thread. */
#pragma once

#include <grpc/grpc.h>

grpc_server_credentials *rpc_credentials_for_server(void);
grpc_channel_credentials *rpc_credentials_for_channel(void);
