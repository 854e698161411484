/* SPDX-License-Identifier: Apache-2.0 */
#include "mail_record.h"

#include <string.h>

#include "base/email.h"
#include "base/field_rules.h"
#include "base/message.h"
#include "base/traceparent.h"
#include "base/uuid.h"
#include "service/command_replay.h"
#include "store/log_clock.h"
#include "store/turn.h"

enum { BODY_MAX = 1 << 20 };

static const char *index_value(struct arena *arena, const char *field, const char *value) {
  return strcmp(field, "to") == 0 ? email_canonical(arena, value) : value;
}

const struct entity_type mail_type = {
    .name = "mail",
    .descriptor = &ordershop__v1__mail__descriptor,
    .life = ENTITY_REMAINS,
    .packed_only = true,
    .told_once = "body",
    .indexes = {"to", "cause"},
    .index_value = index_value,
};

static void check_body(struct violations *violations, const char *path, const char *body) {
  if (strlen(body) > BODY_MAX) {
    violation_add(violations, path, "must have at most 1 MiB");
  } else {
    check_text(violations, path, body, BODY_MAX, true);
  }
}

static void check_traceparent(struct violations *violations, const char *path, const char *traceparent) {
  if (!*traceparent || (traceparent_is_valid(traceparent) && strncmp(traceparent, "00-", 3) == 0)) return;
  violation_add(violations, path, "must be a traceparent of version 00 (W3C Trace Context)");
}

static void check_mail(struct violations *violations, const char *path, const void *entity, const char *field) {
  const Ordershop__V1__Mail *mail = entity;
  if (strcmp(field, "id") == 0) check_optional_uuid(violations, path, mail->id);
  if (strcmp(field, "to") == 0) check_email(violations, path, mail->to);
  if (strcmp(field, "subject") == 0) check_name(violations, path, mail->subject);
  if (strcmp(field, "body") == 0) check_body(violations, path, mail->body);
  if (strcmp(field, "traceparent") == 0) check_traceparent(violations, path, mail->traceparent);
  if (strcmp(field, "cause") == 0) check_optional_uuid(violations, path, mail->cause);
}

const struct resource mails = {
    .type = &mail_type,
    .input_fields = {"id", "to", "subject", "body", "cause", "traceparent"},
    .check = check_mail,
};

/* What one command records. */
struct recording {
  struct rpc_call *call;
  struct event_store *store;
  struct request_record record;
  size_t count;
  const char **ids;
  Ordershop__V1__Mail **given;
  void **known; /* the mails that exist; NULL means to be recorded */
};

/* Lines end in LF, however they came. */
static char *with_line_feeds(struct arena *arena, const char *body) {
  char *text = arena_strdup(arena, body), *to = text;
  for (const char *at = text; *at; at++) {
    if (at[0] != '\r' || at[1] != '\n') *to++ = *at;
  }
  *to = '\0';
  return text;
}

static struct recording recording_of(struct rpc_call *call, const void *request, Ordershop__V1__Mail *const *given,
                                     size_t count) {
  struct arena *arena = call->context.arena;
  struct recording recording = {.call = call,
                                .store = service_of(call)->store,
                                .record = command_record(call, &mails, request, false),
                                .count = count,
                                .ids = arena_calloc(arena, count, sizeof *recording.ids),
                                .given = arena_calloc(arena, count, sizeof *recording.given),
                                .known = arena_calloc(arena, count, sizeof *recording.known)};
  for (size_t i = 0; i < count; i++) {
    Ordershop__V1__Mail *mail = entity_of_input(arena, &mails, given[i]);
    if (*mail->id) {
      mail->id = (char *)uuid_canonical(arena, mail->id);
    } else {
      mail->id = (char *)command_entity_id(call, &mails, &recording.record, i);
    }
    mail->body = with_line_feeds(arena, mail->body);
    if (*mail->cause) mail->cause = (char *)uuid_canonical(arena, mail->cause);
    const char *traceparent = call->context.traceparent;
    if (!*mail->traceparent && traceparent) mail->traceparent = (char *)traceparent;
    mail->status = ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_PENDING;
    recording.ids[i] = mail->id;
    recording.given[i] = mail;
  }
  return recording;
}

static coroutine_fn struct status look_up(struct recording *recording) {
  return entity_load_many(recording->store, &recording->call->context, &mail_type, recording->ids, recording->count,
                          recording->known);
}

/* For answers that no event of this call tells: what they show has happened by now. */
static coroutine_fn struct status tell_present_position(struct recording *recording) {
  struct position position;
  struct status status = clock_read(recording->store, &recording->call->context, &position);
  if (status_is_ok(status)) command_tell_position(recording->call, &position);
  return status;
}

static void answer(const struct recording *recording, Ordershop__V1__Mail **ret_mails) {
  for (size_t i = 0; i < recording->count; i++) {
    ret_mails[i] = recording->known[i] ? recording->known[i] : recording->given[i];
  }
}

/* ---- a request that was answered before ------------------------------------------------------------------------- */

/* Mails that existed when they were asked for are remembered as they were then; new ones are in the stream. */
static const Ordershop__V1__BatchSendMailsResponse *answer_to_remember(const struct recording *recording,
                                                                       Ordershop__V1__Mail **answered) {
  bool all_new = true;
  for (size_t i = 0; i < recording->count; i++) all_new = all_new && !recording->known[i];
  if (all_new) return NULL;
  Ordershop__V1__BatchSendMailsResponse *response =
      message_new(recording->call->context.arena, &ordershop__v1__batch_send_mails_response__descriptor);
  response->mails = answered;
  response->n_mails = recording->count;
  return response;
}

static coroutine_fn struct status read_remembered(const struct recording *recording, const struct request_trace *trace,
                                                  Ordershop__V1__Mail **ret_mails) {
  struct context *context = &recording->call->context;
  if (!trace->answer) {
    return request_trace_entities(trace, recording->store, context, "mail_created", mail_type.descriptor,
                                  recording->count, (const void **)ret_mails);
  }
  const Ordershop__V1__BatchSendMailsResponse *response = message_unpack(
      context->arena, &ordershop__v1__batch_send_mails_response__descriptor, trace->answer, trace->answer_size);
  if (!response || response->n_mails != recording->count) {
    return status_error(context->arena, STATUS_DATA_LOSS, reason_request_record_undecodable,
                        "the first answer can't be decoded");
  }
  memcpy(ret_mails, response->mails, recording->count * sizeof(*ret_mails));
  return status_ok();
}

static coroutine_fn struct status replay(struct recording *recording, const struct transaction_result *result,
                                         Ordershop__V1__Mail **ret_mails) {
  struct request_trace trace;
  struct arena *arena = recording->call->context.arena;
  struct status status = request_record_read(&recording->record, arena, result->record, result->record_size, &trace);
  if (status_is_ok(status)) status = read_remembered(recording, &trace, ret_mails);
  if (status_is_ok(status)) status = tell_present_position(recording);
  return status;
}

/* ---- recording -------------------------------------------------------------------------------------------------- */

/* To be called when all exist: nothing is changed, only the request is remembered. */
static bool knows_all(const struct recording *recording) {
  for (size_t i = 0; i < recording->count; i++) {
    if (!recording->known[i]) return false;
  }
  return true;
}

/* Makes one try. *ret_again says whether a mail that was taken for unknown exists. */
static coroutine_fn struct status try_record(struct recording *recording, Ordershop__V1__Mail **ret_mails,
                                             bool *ret_again) {
  *ret_again = false;
  struct transaction transaction = transaction_of(recording->store, recording->call->context.arena);
  for (size_t i = 0; i < recording->count; i++) {
    const struct event_origin origin = {.traceparent = recording->given[i]->traceparent};
    if (!recording->known[i]) entity_put_created(&transaction, &mail_type, recording->given[i], &origin);
  }
  Ordershop__V1__Mail **answered = arena_calloc(transaction.arena, recording->count, sizeof *answered);
  answer(recording, answered);
  request_record_add(&recording->record, &transaction, answer_to_remember(recording, answered));
  struct transaction_result result;
  struct status status = transaction_run(&transaction, &recording->call->context, &result);
  if (!status_is_ok(status)) return status;
  if (result.outcome == TRANSACTION_REPLAYED) return replay(recording, &result, ret_mails);
  *ret_again = result.outcome == TRANSACTION_REFUSED;
  if (*ret_again) return status_ok();
  if (knows_all(recording)) {
    status = tell_present_position(recording);
    if (!status_is_ok(status)) return status;
  } else {
    command_tell_position(recording->call, &result.position);
  }
  memcpy(ret_mails, answered, recording->count * sizeof *answered);
  return status_ok();
}

coroutine_fn struct status mails_record(struct rpc_call *call, const void *request, Ordershop__V1__Mail *const *given,
                                        size_t count, Ordershop__V1__Mail **ret_mails) {
  struct recording recording = recording_of(call, request, given, count);
  /* Commands that send the same mails mostly begin with the same one. */
  struct turn turn = turn_of(recording.store, &call->context, "mail", recording.ids[0]);
  /* At first all are taken for unknown, as they mostly are; a guard tells when they are not. */
  struct status status = status_ok();
  bool again = false;
  do {
    if (again) status = look_up(&recording);
    if (status_is_ok(status)) status = try_record(&recording, ret_mails, &again);
  } while (status_is_ok(status) && again && turn_wait(&turn, &status));
  turn_end(&turn);
  return status;
}
