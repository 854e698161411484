/* SPDX-License-Identifier: Apache-2.0 */
/* Typed calls to MailService, which owns the mails that the shop sends.
 *
 * See ordershop_client.h for retries, positions, threads and lifetimes, and proto/ordershop/v1/mail.proto for what each
 * call does and which errors it has. */
#pragma once

#include <ordershop/v1/mail.pb-c.h>

#include "client/ordershop_client.h"

/* Records a mail to be delivered. */
struct status ordershop_send_mail(struct ordershop_client *client, const struct context *context,
                                  const Ordershop__V1__SendMailRequest *request, const Ordershop__V1__Mail **ret_mail);

/* Records mails, all or none; those whose ids exist are returned as they are. */
struct status ordershop_batch_send_mails(struct ordershop_client *client, const struct context *context,
                                         const Ordershop__V1__BatchSendMailsRequest *request,
                                         const Ordershop__V1__BatchSendMailsResponse **ret_response);

/* Reads a mail. */
struct status ordershop_get_mail(struct ordershop_client *client, const struct context *context,
                                 const Ordershop__V1__GetMailRequest *request, const Ordershop__V1__Mail **ret_mail);

/* Lists mails, oldest first, each once, however many come meanwhile. */
struct status ordershop_list_mails(struct ordershop_client *client, const struct context *context,
                                   const Ordershop__V1__ListMailsRequest *request,
                                   const Ordershop__V1__ListMailsResponse **ret_response);
