#include "rpc/rpc_credentials.h"

#include <grpc/grpc_security.h>

grpc_server_credentials *rpc_credentials_for_server(void) {
  return grpc_insecure_server_credentials_create();
}

grpc_channel_credentials *rpc_credentials_for_channel(void) {
  return grpc_insecure_credentials_create();
}
