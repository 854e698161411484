/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery of recorded mails, by the mail service's own events; for mail_service.c. */
#pragma once

#include "consumer/consumer.h"
#include "loop/coroutine.h"

enum { MAIL_SUBSCRIPTIONS = 1 };
extern const struct subscription mail_subscriptions[MAIL_SUBSCRIPTIONS];

/* Tries again what mail servers have deferred. For service_definition.housekeep. */
coroutine_fn struct status mail_housekeep(void *service, struct context *context, int64_t position, const char *epoch,
                                          bool *ret_tick);
