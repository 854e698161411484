/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/client_channel.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "rpc/rpc_credentials.h"

enum {
  DEFAULT_MESSAGE_BYTES = 8 * 1024 * 1024,
  DEFAULT_KEEPALIVE_MS = 30000,
  KEEPALIVE_TIMEOUT_MS = 10000,
  BACKOFF_FIRST_MS = 100,
  BACKOFF_MAX_MS = 2000,
  CONNECT_MS = 2000, /* for one attempt */
  RESOLVE_MS = 200,  /* between two look-ups of a name, made when a connection is lost: the peer may be elsewhere now,
                        and its callers try again for a second only */
  METADATA_BYTES = 16 * 1024,
};

/* A gRPC channel, the client channel's present one or one that calls still use. */
struct channel_hold {
  grpc_channel *grpc;
  uint64_t version; /* of the identity */
  int users;        /* under the client channel's mutex: calls, and the client channel while it is the present one */
};

static grpc_arg integer(const char *key, int64_t value) {
  grpc_arg argument = {.type = GRPC_ARG_INTEGER, .key = (char *)key};
  argument.value.integer = value > INT32_MAX ? INT32_MAX : (int)value;
  return argument;
}

static grpc_arg text(const char *key, const char *value) {
  grpc_arg argument = {.type = GRPC_ARG_STRING, .key = (char *)key};
  argument.value.string = (char *)value;
  return argument;
}

/* Of "ipv4:a:1,b:2" the first address: the name that certificates are to be for. Other targets are names already. */
static const char *authority_of(struct arena *arena, const char *target) {
  bool is_list = (strncmp(target, "ipv4:", 5) == 0 || strncmp(target, "ipv6:", 5) == 0) && strchr(target, ',');
  if (!is_list) return NULL;
  const char *first = target + 5 + strspn(target + 5, "/");
  return arena_memdup(arena, first, strcspn(first, ","));
}

static struct channel_hold *hold_new(const struct client_channel *channel) {
  const struct rpc_channel_options *options = &channel->options;
  grpc_arg arguments[] = {
      text(GRPC_ARG_LB_POLICY_NAME, "round_robin"),
      integer(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
      integer(GRPC_ARG_ENABLE_RETRIES, 0), /* what may have been executed is not sent again */
      integer(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
              options->max_message_bytes > 0 ? options->max_message_bytes : DEFAULT_MESSAGE_BYTES),
      integer(GRPC_ARG_MAX_METADATA_SIZE, METADATA_BYTES),
      integer(GRPC_ARG_KEEPALIVE_TIME_MS, options->keepalive_ms > 0 ? options->keepalive_ms : DEFAULT_KEEPALIVE_MS),
      integer(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, KEEPALIVE_TIMEOUT_MS),
      integer(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
      integer(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, BACKOFF_FIRST_MS),
      integer(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, BACKOFF_MAX_MS),
      integer(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, CONNECT_MS),
      integer(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, RESOLVE_MS),
      integer(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1), /* each channel has connections of its own */
      integer(GRPC_ARG_ENABLE_CHANNELZ, 0),
      integer(GRPC_ARG_ENABLE_HTTP_PROXY, options->use_proxy), /* the environment's is for the web, not for a shop */
      text(GRPC_ARG_DEFAULT_AUTHORITY, channel->authority),
  };
  size_t count = sizeof(arguments) / sizeof(arguments[0]) - (channel->authority ? 0 : 1);
  grpc_channel_args list = {.num_args = count, .args = arguments};
  struct channel_hold *hold = memory_alloc(sizeof(*hold));
  hold->users = 1;
  grpc_channel_credentials *credentials = rpc_credentials_for_channel(options->tls, &hold->version);
  hold->grpc = grpc_channel_create(channel->target, credentials, &list);
  grpc_channel_credentials_release(credentials);
  return hold;
}

static void hold_free(struct channel_hold *hold) {
  if (!hold) return;
  grpc_channel_destroy(hold->grpc);
  free(hold);
}

/* One user less. Returns what is to be freed outside the mutex, NULL if there are other users. */
static struct channel_hold *hold_leave(struct channel_hold *hold) {
  return --hold->users == 0 ? hold : NULL;
}

struct status client_channel_open(struct arena *arena, const char *target, const struct rpc_channel_options *options,
                                  struct client_channel *ret_channel) {
  struct status status = brand_require(options->brand, arena, "rpc_channel_options");
  if (!status_is_ok(status)) return status;
  if (!target || !*target) {
    return status_error(arena, STATUS_INVALID_ARGUMENT, reason_address_invalid, "The peer%s%s has no address.",
                        options->peer ? " " : "", options->peer ? options->peer : "");
  }
  ret_channel->target = arena_strdup(arena, target);
  ret_channel->peer = arena_strdup(arena, options->peer ? options->peer : "the server");
  ret_channel->authority = authority_of(arena, target);
  ret_channel->options = *options;
  ret_channel->current = hold_new(ret_channel);
  pthread_mutex_init(&ret_channel->mutex, NULL);
  return status_ok();
}

void client_channel_close(struct client_channel *channel) {
  hold_free(channel->current);
  pthread_mutex_destroy(&channel->mutex);
}

struct channel_hold *client_channel_take(struct client_channel *channel, grpc_channel **ret_grpc) {
  struct tls_files *tls = channel->options.tls;
  uint64_t version = tls ? tls_files_version(tls) : 0;
  struct channel_hold *old = NULL;
  pthread_mutex_lock(&channel->mutex);
  if (version > channel->current->version) {
    old = hold_leave(channel->current);
    channel->current = hold_new(channel);
  }
  struct channel_hold *hold = channel->current;
  hold->users++;
  pthread_mutex_unlock(&channel->mutex);
  hold_free(old);
  *ret_grpc = hold->grpc;
  return hold;
}

void client_channel_give(struct client_channel *channel, struct channel_hold *hold) {
  pthread_mutex_lock(&channel->mutex);
  struct channel_hold *old = hold_leave(hold);
  pthread_mutex_unlock(&channel->mutex);
  hold_free(old);
}
