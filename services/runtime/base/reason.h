/* SPDX-License-Identifier: Apache-2.0 */
/* Reasons: what programs know an error by, ErrorInfo.reason (https://google.aip.dev/193), in UPPER_SNAKE_CASE.
 *
 * Within a process a reason is an object, compared by its identity: status_is(status, reason_lease_lost). A reason that
 * arrives as text, from a peer or from Redis, becomes the object once, where it arrives (reason_find); one that is not
 * known stays a text. A product lists reasons of its own in its brand. They are constant: any thread may read them. */
#pragma once

#include <stdbool.h>

/* Returns the object of a list that reads as `text`, or NULL if there is none. The list ends with NULL. */
const char *reason_find(const char *const *reasons, const char *text);

/* Returns the reason of all errors that say that there is no entity of the type, or that there is one already: for
 * "gift_card" it reads as GIFT_CARD_NOT_FOUND, GIFT_CARD_ALREADY_EXISTS. It is the same object each time, and lives as
 * long as the process. */
const char *reason_not_found(const char *type);
const char *reason_already_exists(const char *type);

/* Returns that object for a text that has arrived. Returns NULL if it does not read like one, or if 1,000 others are
 * known already: memory is not for those who send errors to fill. */
const char *reason_of_type_find(const char *text);

/* Returns whether the text reads like one of these. */
bool reason_is_of_type(const char *text);

/* All other reasons of the runtime: those declared here. */
extern const char *const runtime_reasons[];

extern const char reason_address_invalid[];
extern const char reason_address_unavailable[];
extern const char reason_caller_not_allowed[];
extern const char reason_call_invalid[];
extern const char reason_call_refused[];
extern const char reason_cancelled[];
extern const char reason_certificate_unfit[];
extern const char reason_change_invalid[];
extern const char reason_configuration_invalid[];
extern const char reason_consumer_halted[];
extern const char reason_contended[];
extern const char reason_deadline_exceeded[];
extern const char reason_dead_letter_not_first[];
extern const char reason_dead_letters_there[];
extern const char reason_definition_invalid[];
extern const char reason_descriptor_set_invalid[];
extern const char reason_entity_undecodable[];
extern const char reason_event_missing[];
extern const char reason_event_undecodable[];
extern const char reason_fail_point[];
extern const char reason_field_invalid[];
extern const char reason_grpc_unfit[];
extern const char reason_json_invalid[];
extern const char reason_lease_lost[];
extern const char reason_library_missing[];
extern const char reason_log_changed[];
extern const char reason_log_gap[];
extern const char reason_log_loss_changed[];
extern const char reason_log_reset[];
extern const char reason_method_unknown[];
extern const char reason_not_serving[];
extern const char reason_no_reply[];
extern const char reason_overloaded[];
extern const char reason_page_token_invalid[];
extern const char reason_peer_unreachable[];
extern const char reason_position_invalid[];
extern const char reason_position_not_reached[];
extern const char reason_redis_ask[];
extern const char reason_redis_busy[];
extern const char reason_redis_busygroup[];
extern const char reason_redis_clusterdown[];
extern const char reason_redis_error[];
extern const char reason_redis_function_unknown[];
extern const char reason_redis_library_exists[];
extern const char reason_redis_loading[];
extern const char reason_redis_masterdown[];
extern const char reason_redis_misconf[];
extern const char reason_redis_moved[];
extern const char reason_redis_noauth[];
extern const char reason_redis_nogroup[];
extern const char reason_redis_noperm[];
extern const char reason_redis_noreplicas[];
extern const char reason_redis_out_of_memory[];
extern const char reason_redis_readonly[];
extern const char reason_redis_tryagain[];
extern const char reason_redis_unblocked[];
extern const char reason_redis_unreachable[];
extern const char reason_redis_url_invalid[];
extern const char reason_redis_wrongpass[];
extern const char reason_redis_wrongtype[];
extern const char reason_reflection_too_large[];
extern const char reason_replicas_missing[];
extern const char reason_reply_invalid[];
extern const char reason_reply_mistyped[];
extern const char reason_request_id_reused[];
extern const char reason_request_missing[];
extern const char reason_request_record_undecodable[];
extern const char reason_service_table_invalid[];
extern const char reason_service_unknown[];
extern const char reason_shutting_down[];
extern const char reason_too_many_streams[];
extern const char reason_usage[];
extern const char reason_version_mismatch[];
extern const char reason_view_rebuild_changed[];
extern const char reason_view_rebuild_given_up[];
extern const char reason_view_rebuild_under_way[];
extern const char reason_view_undecodable[];
extern const char reason_work_refused[];
