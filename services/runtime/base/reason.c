/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reason.h"

#include <ctype.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 64, ARRIVED_MAX = 1000 }; /* a longer one would be no ErrorInfo.reason */

static const char not_found[] = "_NOT_FOUND", already_exists[] = "_ALREADY_EXISTS";

const char reason_address_invalid[] = "ADDRESS_INVALID";
const char reason_address_unavailable[] = "ADDRESS_UNAVAILABLE";
const char reason_caller_not_allowed[] = "CALLER_NOT_ALLOWED";
const char reason_call_invalid[] = "CALL_INVALID";
const char reason_call_refused[] = "CALL_REFUSED";
const char reason_cancelled[] = "CANCELLED";
const char reason_certificate_unfit[] = "CERTIFICATE_UNFIT";
const char reason_change_invalid[] = "CHANGE_INVALID";
const char reason_configuration_invalid[] = "CONFIGURATION_INVALID";
const char reason_consumer_halted[] = "CONSUMER_HALTED";
const char reason_contended[] = "CONTENDED";
const char reason_deadline_exceeded[] = "DEADLINE_EXCEEDED";
const char reason_dead_letter_not_first[] = "DEAD_LETTER_NOT_FIRST";
const char reason_dead_letters_there[] = "DEAD_LETTERS_THERE";
const char reason_definition_invalid[] = "DEFINITION_INVALID";
const char reason_descriptor_set_invalid[] = "DESCRIPTOR_SET_INVALID";
const char reason_entity_undecodable[] = "ENTITY_UNDECODABLE";
const char reason_event_missing[] = "EVENT_MISSING";
const char reason_event_undecodable[] = "EVENT_UNDECODABLE";
const char reason_fail_point[] = "FAIL_POINT";
const char reason_field_invalid[] = "FIELD_INVALID";
const char reason_grpc_unfit[] = "GRPC_UNFIT";
const char reason_json_invalid[] = "JSON_INVALID";
const char reason_lease_lost[] = "LEASE_LOST";
const char reason_library_missing[] = "LIBRARY_MISSING";
const char reason_log_changed[] = "LOG_CHANGED";
const char reason_log_gap[] = "LOG_GAP";
const char reason_log_loss_changed[] = "LOG_LOSS_CHANGED";
const char reason_log_reset[] = "LOG_RESET";
const char reason_method_unknown[] = "METHOD_UNKNOWN";
const char reason_not_serving[] = "NOT_SERVING";
const char reason_no_reply[] = "NO_REPLY";
const char reason_overloaded[] = "OVERLOADED";
const char reason_page_token_invalid[] = "PAGE_TOKEN_INVALID";
const char reason_peer_unreachable[] = "PEER_UNREACHABLE";
const char reason_position_invalid[] = "POSITION_INVALID";
const char reason_position_not_reached[] = "POSITION_NOT_REACHED";
const char reason_redis_ask[] = "REDIS_ASK";
const char reason_redis_busy[] = "REDIS_BUSY";
const char reason_redis_busygroup[] = "REDIS_BUSYGROUP";
const char reason_redis_clusterdown[] = "REDIS_CLUSTERDOWN";
const char reason_redis_error[] = "REDIS_ERROR";
const char reason_redis_function_unknown[] = "REDIS_FUNCTION_UNKNOWN";
const char reason_redis_library_exists[] = "REDIS_LIBRARY_EXISTS";
const char reason_redis_loading[] = "REDIS_LOADING";
const char reason_redis_masterdown[] = "REDIS_MASTERDOWN";
const char reason_redis_misconf[] = "REDIS_MISCONF";
const char reason_redis_moved[] = "REDIS_MOVED";
const char reason_redis_noauth[] = "REDIS_NOAUTH";
const char reason_redis_nogroup[] = "REDIS_NOGROUP";
const char reason_redis_noperm[] = "REDIS_NOPERM";
const char reason_redis_noreplicas[] = "REDIS_NOREPLICAS";
const char reason_redis_out_of_memory[] = "REDIS_OUT_OF_MEMORY";
const char reason_redis_readonly[] = "REDIS_READONLY";
const char reason_redis_tryagain[] = "REDIS_TRYAGAIN";
const char reason_redis_unblocked[] = "REDIS_UNBLOCKED";
const char reason_redis_unreachable[] = "REDIS_UNREACHABLE";
const char reason_redis_url_invalid[] = "REDIS_URL_INVALID";
const char reason_redis_wrongpass[] = "REDIS_WRONGPASS";
const char reason_redis_wrongtype[] = "REDIS_WRONGTYPE";
const char reason_reflection_too_large[] = "REFLECTION_TOO_LARGE";
const char reason_replicas_missing[] = "REPLICAS_MISSING";
const char reason_reply_invalid[] = "REPLY_INVALID";
const char reason_reply_mistyped[] = "REPLY_MISTYPED";
const char reason_request_id_reused[] = "REQUEST_ID_REUSED";
const char reason_request_missing[] = "REQUEST_MISSING";
const char reason_request_record_undecodable[] = "REQUEST_RECORD_UNDECODABLE";
const char reason_service_table_invalid[] = "SERVICE_TABLE_INVALID";
const char reason_service_unknown[] = "SERVICE_UNKNOWN";
const char reason_shutting_down[] = "SHUTTING_DOWN";
const char reason_too_many_streams[] = "TOO_MANY_STREAMS";
const char reason_usage[] = "USAGE";
const char reason_version_mismatch[] = "VERSION_MISMATCH";
const char reason_view_rebuild_changed[] = "VIEW_REBUILD_CHANGED";
const char reason_view_rebuild_given_up[] = "VIEW_REBUILD_GIVEN_UP";
const char reason_view_rebuild_under_way[] = "VIEW_REBUILD_UNDER_WAY";
const char reason_view_undecodable[] = "VIEW_UNDECODABLE";
const char reason_work_refused[] = "WORK_REFUSED";

const char *const runtime_reasons[] = {
    reason_address_invalid,
    reason_address_unavailable,
    reason_caller_not_allowed,
    reason_call_invalid,
    reason_call_refused,
    reason_cancelled,
    reason_certificate_unfit,
    reason_change_invalid,
    reason_configuration_invalid,
    reason_consumer_halted,
    reason_contended,
    reason_deadline_exceeded,
    reason_dead_letter_not_first,
    reason_dead_letters_there,
    reason_definition_invalid,
    reason_descriptor_set_invalid,
    reason_entity_undecodable,
    reason_event_missing,
    reason_event_undecodable,
    reason_fail_point,
    reason_field_invalid,
    reason_grpc_unfit,
    reason_json_invalid,
    reason_lease_lost,
    reason_library_missing,
    reason_log_changed,
    reason_log_gap,
    reason_log_loss_changed,
    reason_log_reset,
    reason_method_unknown,
    reason_not_serving,
    reason_no_reply,
    reason_overloaded,
    reason_page_token_invalid,
    reason_peer_unreachable,
    reason_position_invalid,
    reason_position_not_reached,
    reason_redis_ask,
    reason_redis_busy,
    reason_redis_busygroup,
    reason_redis_clusterdown,
    reason_redis_error,
    reason_redis_function_unknown,
    reason_redis_library_exists,
    reason_redis_loading,
    reason_redis_masterdown,
    reason_redis_misconf,
    reason_redis_moved,
    reason_redis_noauth,
    reason_redis_nogroup,
    reason_redis_noperm,
    reason_redis_noreplicas,
    reason_redis_out_of_memory,
    reason_redis_readonly,
    reason_redis_tryagain,
    reason_redis_unblocked,
    reason_redis_unreachable,
    reason_redis_url_invalid,
    reason_redis_wrongpass,
    reason_redis_wrongtype,
    reason_reflection_too_large,
    reason_replicas_missing,
    reason_reply_invalid,
    reason_reply_mistyped,
    reason_request_id_reused,
    reason_request_missing,
    reason_request_record_undecodable,
    reason_service_table_invalid,
    reason_service_unknown,
    reason_shutting_down,
    reason_too_many_streams,
    reason_usage,
    reason_version_mismatch,
    reason_view_rebuild_changed,
    reason_view_rebuild_given_up,
    reason_view_rebuild_under_way,
    reason_view_undecodable,
    reason_work_refused,
    NULL,
};

const char *reason_find(const char *const *reasons, const char *text) {
  for (; *reasons; reasons++) {
    if (strcmp(*reasons, text) == 0) return *reasons;
  }
  return NULL;
}

/* ---- reasons of types ------------------------------------------------------------------------------------------- */

struct reason_of_type {
  struct reason_of_type *next;
  char text[SIZE];
};

static struct reason_of_type *of_types; /* there are a few, so a list is quick enough */
static size_t of_types_count;
static pthread_mutex_t of_types_mutex = PTHREAD_MUTEX_INITIALIZER;

/* Returns NULL if it is new and there are `max` already. */
static const char *of_type(const char *text, size_t max) {
  pthread_mutex_lock(&of_types_mutex);
  struct reason_of_type *reason = of_types;
  while (reason && strcmp(reason->text, text) != 0) reason = reason->next;
  if (!reason && of_types_count < max) {
    reason = malloc(sizeof *reason);
    if (!reason) abort();
    snprintf(reason->text, SIZE, "%s", text);
    reason->next = of_types;
    of_types = reason;
    of_types_count++;
  }
  pthread_mutex_unlock(&of_types_mutex);
  return reason ? reason->text : NULL;
}

static const char *make(const char *type, const char *suffix) {
  char text[SIZE];
  size_t room = SIZE - strlen(suffix);
  snprintf(text, room, "%s", type);
  for (char *at = text; *at; at++) *at = isalnum((unsigned char)*at) ? (char)toupper((unsigned char)*at) : '_';
  return of_type(strcat(text, suffix), SIZE_MAX);
}

const char *reason_not_found(const char *type) {
  return make(type, not_found);
}

const char *reason_already_exists(const char *type) {
  return make(type, already_exists);
}

static bool ends_with(const char *text, const char *suffix) {
  size_t size = strlen(text), suffix_size = strlen(suffix);
  return size > suffix_size && strcmp(text + size - suffix_size, suffix) == 0;
}

bool reason_is_of_type(const char *text) {
  return strlen(text) < SIZE && (ends_with(text, not_found) || ends_with(text, already_exists));
}

const char *reason_of_type_find(const char *text) {
  return reason_is_of_type(text) ? of_type(text, ARRIVED_MAX) : NULL;
}
