/* SPDX-License-Identifier: Apache-2.0 */
#include "private_store.h"

#include <string.h>

#include "shop_brand.h"
#include "suite.h"
#include "watcher.h"

bool private_store_is_ready(void *store) {
  return event_store_is_ready(store);
}

coroutine_fn struct event_store *private_store_open_at(struct context *context, const char *url, const char *service) {
  const struct event_store_options options = {.brand = &shop_brand,
                                              .service = service,
                                              .redis_url = url,
                                              .redis_password = strchr(url, '@') ? "secret" : NULL,
                                              .key_prefix = "",
                                              .request_seconds = 100};
  struct event_store *store;
  CU_ASSERT_FATAL(status_is_ok(event_store_open(coroutine_loop(), context->arena, &options, &store)));
  CU_ASSERT_TRUE_FATAL(eventually(context, private_store_is_ready, store));
  return store;
}

coroutine_fn struct event_store *private_store_open(struct context *context, struct private_redis *redis,
                                                    const char *service) {
  private_redis_command(redis, "FLUSHALL");
  return private_store_open_at(context, private_redis_url(redis), service);
}
