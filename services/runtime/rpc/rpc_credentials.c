/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/rpc_credentials.h"

#include <grpc/grpc_security.h>

/* What gRPC asks at each new connection whether there is another certificate. It has options for watching files by
 * itself, too; those drop what was good before they know that what is new is good. */
struct fetcher {
  struct tls_files *tls;
  uint64_t given;
};

static grpc_ssl_pem_key_cert_pair pair_of(const struct tls_texts *texts) {
  return (grpc_ssl_pem_key_cert_pair){.private_key = texts->key, .cert_chain = texts->certificate};
}

static grpc_ssl_certificate_config_reload_status fetch(void *argument,
                                                       grpc_ssl_server_certificate_config **ret_config) {
  struct fetcher *fetcher = argument;
  if (tls_files_version(fetcher->tls) == fetcher->given) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  struct arena *arena = arena_new();
  struct tls_texts texts;
  fetcher->given = tls_files_read(fetcher->tls, arena, &texts);
  grpc_ssl_pem_key_cert_pair pair = pair_of(&texts);
  /* gRPC insists on CA's; where callers are not asked for certificates it has no use for them. */
  *ret_config = grpc_ssl_server_certificate_config_create(texts.ca ? texts.ca : texts.certificate, &pair, 1);
  arena_free(arena);
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

static grpc_ssl_client_certificate_request_type request_type(const struct tls_files *tls, enum rpc_clients clients) {
  if (!tls_files_have_ca(tls)) return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
  return clients == RPC_CLIENTS_ANY ? GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY
                                    : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
}

grpc_server_credentials *rpc_credentials_for_server(struct arena *arena, struct tls_files *tls,
                                                    enum rpc_clients clients) {
  if (!tls) return grpc_insecure_server_credentials_create();
  struct fetcher *fetcher = arena_alloc(arena, sizeof(*fetcher));
  *fetcher = (struct fetcher){.tls = tls};
  return grpc_ssl_server_credentials_create_with_options(
      grpc_ssl_server_credentials_create_options_using_config_fetcher(request_type(tls, clients), fetch, fetcher));
}

grpc_channel_credentials *rpc_credentials_for_channel(struct tls_files *tls, uint64_t *ret_version) {
  *ret_version = 0;
  if (!tls) return grpc_insecure_credentials_create();
  struct arena *arena = arena_new();
  struct tls_texts texts;
  *ret_version = tls_files_read(tls, arena, &texts);
  grpc_ssl_pem_key_cert_pair pair = pair_of(&texts);
  grpc_channel_credentials *credentials =
      grpc_ssl_credentials_create_ex(texts.ca, texts.certificate ? &pair : NULL, NULL, NULL);
  arena_free(arena);
  return credentials;
}
