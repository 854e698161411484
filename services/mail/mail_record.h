/* SPDX-License-Identifier: Apache-2.0 */
/* Recording of mails: each id is recorded once, however often it is asked for. */
#pragma once

#include <ordershop/v1/mail.pb-c.h>

#include "loop/coroutine.h"
#include "service/resource.h"

extern const struct entity_type mail_type;
extern const struct resource mails;

/* Records `given` (valid, each id once), all in one transaction; those whose ids exist stay as they are. Answers with
 * the mails as they then are, in the order of `given`, and puts `ordershop-position` into the trailing metadata. A
 * request that was answered before is answered as it was then. Errors: INVALID_ARGUMENT (REQUEST_ID_REUSED),
 * ABORTED. */
coroutine_fn struct status mails_record(struct rpc_call *call, const void *request, Ordershop__V1__Mail *const *given,
                                        size_t count, Ordershop__V1__Mail **ret_mails);
