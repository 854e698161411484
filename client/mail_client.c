/* SPDX-License-Identifier: Apache-2.0 */
#include "client/mail_client.h"

struct status ordershop_send_mail(struct ordershop_client *client, const struct context *context,
                                  const Ordershop__V1__SendMailRequest *request, const Ordershop__V1__Mail **ret_mail) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_MAIL, "SendMail", request);
  if (status_is_ok(answer.status)) *ret_mail = answer.message;
  return answer.status;
}

struct status ordershop_batch_send_mails(struct ordershop_client *client, const struct context *context,
                                         const Ordershop__V1__BatchSendMailsRequest *request,
                                         const Ordershop__V1__BatchSendMailsResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_MAIL, "BatchSendMails", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}

struct status ordershop_get_mail(struct ordershop_client *client, const struct context *context,
                                 const Ordershop__V1__GetMailRequest *request, const Ordershop__V1__Mail **ret_mail) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_MAIL, "GetMail", request);
  if (status_is_ok(answer.status)) *ret_mail = answer.message;
  return answer.status;
}

struct status ordershop_list_mails(struct ordershop_client *client, const struct context *context,
                                   const Ordershop__V1__ListMailsRequest *request,
                                   const Ordershop__V1__ListMailsResponse **ret_response) {
  struct ordershop_answer answer = ordershop_call(client, context, ORDERSHOP_MAIL, "ListMails", request);
  if (status_is_ok(answer.status)) *ret_response = answer.message;
  return answer.status;
}
