/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/error_details.h"

#include <google/rpc/error_details.pb-c.h>
#include <google/rpc/status.pb-c.h>
#include <string.h>

#include "base/utf8.h"

#define TYPE_URL "type.googleapis.com/"

enum {
  DETAILS_MAX = 5,  /* kinds of details */
  TEXT_BYTES = 256, /* of a text in the details */
  METADATA_BYTES =
      800, /* what each list may take, packed; the rest of ERROR_DETAILS_BYTES is for what is always there */
  VIOLATION_BYTES = 1400,
  ENTRY_OVERHEAD = 12, /* tags and lengths of an entry of three texts */
};

/* `text` cut to `max` bytes, not within a character. Never NULL. */
static char *text_shortened(struct arena *arena, const char *text, size_t max) {
  if (!text) return arena_strdup(arena, "");
  return arena_memdup(arena, text, utf8_cut(text, max));
}

static char *text_of(struct arena *arena, const char *text) {
  return text_shortened(arena, text, TEXT_BYTES);
}

/* Takes what an entry of these texts needs from `*left`; returns false if it doesn't fit. */
static bool entry_fits(size_t *left, const char *first, const char *second, const char *third) {
  size_t size = ENTRY_OVERHEAD + strlen(first) + strlen(second) + strlen(third);
  if (size > *left) return false;
  *left -= size;
  return true;
}

static void detail_add(struct arena *arena, Google__Rpc__Status *packed, const void *message) {
  const ProtobufCMessage *detail = message;
  Google__Protobuf__Any *any = arena_alloc(arena, sizeof(*any));
  google__protobuf__any__init(any);
  any->type_url = arena_printf(arena, TYPE_URL "%s", detail->descriptor->name);
  any->value.len = protobuf_c_message_get_packed_size(detail);
  any->value.data = arena_alloc(arena, any->value.len);
  protobuf_c_message_pack(detail, any->value.data);
  packed->details[packed->n_details++] = any;
}

static void add_error_info(struct arena *arena, const char *domain, Google__Rpc__Status *packed,
                           const struct error_details *details) {
  size_t count = 0, left = METADATA_BYTES;
  for (const struct error_metadata *entry = details->metadata; entry; entry = entry->next) count++;
  Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
  info.reason = text_shortened(arena, details->reason, 63);
  info.domain = arena_strdup(arena, domain);
  info.metadata = arena_calloc(arena, count, sizeof(info.metadata[0]));
  for (const struct error_metadata *entry = details->metadata; entry; entry = entry->next) {
    Google__Rpc__ErrorInfo__MetadataEntry *pair = arena_alloc(arena, sizeof(*pair));
    google__rpc__error_info__metadata_entry__init(pair);
    pair->key = text_shortened(arena, entry->key, 64);
    pair->value = text_of(arena, entry->value);
    if (entry_fits(&left, pair->key, pair->value, "")) info.metadata[info.n_metadata++] = pair;
  }
  detail_add(arena, packed, &info);
}

static Google__Rpc__BadRequest__FieldViolation *field_violation_new(struct arena *arena, const char *field,
                                                                    const char *description) {
  Google__Rpc__BadRequest__FieldViolation *violation = arena_alloc(arena, sizeof(*violation));
  google__rpc__bad_request__field_violation__init(violation);
  violation->field = text_of(arena, field);
  violation->description = text_of(arena, description);
  return violation;
}

static void add_bad_request(struct arena *arena, Google__Rpc__Status *packed, const struct field_violation *first) {
  size_t count = 0, left = VIOLATION_BYTES;
  for (const struct field_violation *entry = first; entry; entry = entry->next) count++;
  if (count == 0) return;
  Google__Rpc__BadRequest bad = GOOGLE__RPC__BAD_REQUEST__INIT;
  bad.field_violations = arena_calloc(arena, count, sizeof(bad.field_violations[0]));
  for (const struct field_violation *entry = first; entry; entry = entry->next) {
    Google__Rpc__BadRequest__FieldViolation *violation = field_violation_new(arena, entry->field, entry->description);
    if (!entry_fits(&left, violation->field, violation->description, "")) {
      const char *rest = arena_printf(arena, "%zu more violations are left out.", count - bad.n_field_violations);
      bad.field_violations[bad.n_field_violations++] = field_violation_new(arena, "", rest);
      break;
    }
    bad.field_violations[bad.n_field_violations++] = violation;
  }
  detail_add(arena, packed, &bad);
}

static Google__Rpc__PreconditionFailure__Violation *precondition_new(struct arena *arena, const char *type,
                                                                     const char *subject, const char *description) {
  Google__Rpc__PreconditionFailure__Violation *violation = arena_alloc(arena, sizeof(*violation));
  google__rpc__precondition_failure__violation__init(violation);
  violation->type = text_shortened(arena, type, 63);
  violation->subject = text_of(arena, subject);
  violation->description = text_of(arena, description);
  return violation;
}

static void add_preconditions(struct arena *arena, Google__Rpc__Status *packed,
                              const struct precondition_violation *first) {
  size_t count = 0, left = VIOLATION_BYTES;
  for (const struct precondition_violation *entry = first; entry; entry = entry->next) count++;
  if (count == 0) return;
  Google__Rpc__PreconditionFailure failure = GOOGLE__RPC__PRECONDITION_FAILURE__INIT;
  failure.violations = arena_calloc(arena, count, sizeof(failure.violations[0]));
  for (const struct precondition_violation *entry = first; entry; entry = entry->next) {
    Google__Rpc__PreconditionFailure__Violation *violation =
        precondition_new(arena, entry->type, entry->subject, entry->description);
    if (!entry_fits(&left, violation->type, violation->subject, violation->description)) {
      const char *rest = arena_printf(arena, "%zu more violations are left out.", count - failure.n_violations);
      failure.violations[failure.n_violations++] = precondition_new(arena, entry->type, "", rest);
      break;
    }
    failure.violations[failure.n_violations++] = violation;
  }
  detail_add(arena, packed, &failure);
}

static void add_resource_info(struct arena *arena, Google__Rpc__Status *packed, const struct error_details *details) {
  if (!details->resource_type) return;
  Google__Rpc__ResourceInfo info = GOOGLE__RPC__RESOURCE_INFO__INIT;
  info.resource_type = text_shortened(arena, details->resource_type, 63);
  info.resource_name = text_of(arena, details->resource_name);
  detail_add(arena, packed, &info);
}

static void add_retry_info(struct arena *arena, Google__Rpc__Status *packed, int64_t delay_ms) {
  if (delay_ms <= 0) return;
  Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
  delay.seconds = delay_ms / 1000;
  delay.nanos = (int32_t)(delay_ms % 1000) * 1000000;
  Google__Rpc__RetryInfo info = GOOGLE__RPC__RETRY_INFO__INIT;
  info.retry_delay = &delay;
  detail_add(arena, packed, &info);
}

const char *error_message(struct arena *arena, struct status status) {
  return text_shortened(arena, status.message, ERROR_MESSAGE_BYTES);
}

/* Both lists of violations together would not fit: a status with violations of fields has no preconditions. */
size_t error_details_pack(struct arena *arena, const char *domain, struct status status, const void **ret_bytes) {
  static const struct error_details none = {.reason = NULL};
  const struct error_details *details = status.details ? status.details : &none;
  Google__Rpc__Status packed = GOOGLE__RPC__STATUS__INIT;
  packed.code = (int32_t)status.code;
  packed.message = text_shortened(arena, status.message, ERROR_MESSAGE_BYTES);
  packed.details = arena_calloc(arena, DETAILS_MAX, sizeof(packed.details[0]));
  add_error_info(arena, domain, &packed, details);
  if (details->violations)
    add_bad_request(arena, &packed, details->violations);
  else
    add_preconditions(arena, &packed, details->preconditions);
  add_resource_info(arena, &packed, details);
  add_retry_info(arena, &packed, details->retry_delay_ms);
  size_t size = google__rpc__status__get_packed_size(&packed);
  uint8_t *bytes = arena_alloc(arena, size);
  google__rpc__status__pack(&packed, bytes);
  *ret_bytes = bytes;
  return size;
}

/* The object that an error of the brand names, or NULL. */
static const char *known_reason(const struct brand *brand, const Google__Rpc__ErrorInfo *info) {
  if (strcmp(info->domain, brand->error_domain) != 0) return NULL;
  const char *reason = reason_find(runtime_reasons, info->reason);
  if (!reason && brand->reasons) reason = reason_find(brand->reasons, info->reason);
  return reason ? reason : reason_of_type_find(info->reason);
}

static void read_error_info(struct arena *arena, const struct brand *brand, const Google__Rpc__ErrorInfo *info,
                            struct error_details *details) {
  const char *reason = known_reason(brand, info);
  details->reason = reason ? reason : info->reason;
  details->reason_is_text = !reason;
  const struct error_metadata **last = &details->metadata;
  for (size_t i = 0; i < info->n_metadata; i++) {
    struct error_metadata *entry = arena_calloc(arena, 1, sizeof(*entry));
    *entry = (struct error_metadata){.key = info->metadata[i]->key, .value = info->metadata[i]->value};
    *last = entry;
    last = &entry->next;
  }
}

static void read_bad_request(struct arena *arena, const Google__Rpc__BadRequest *bad, struct error_details *details) {
  const struct field_violation **last = &details->violations;
  for (size_t i = 0; i < bad->n_field_violations; i++) {
    const Google__Rpc__BadRequest__FieldViolation *violation = bad->field_violations[i];
    struct field_violation *entry = arena_calloc(arena, 1, sizeof(*entry));
    *entry = (struct field_violation){.field = violation->field, .description = violation->description};
    *last = entry;
    last = &entry->next;
  }
}

static void read_preconditions(struct arena *arena, const Google__Rpc__PreconditionFailure *failure,
                               struct error_details *details) {
  const struct precondition_violation **last = &details->preconditions;
  for (size_t i = 0; i < failure->n_violations; i++) {
    const Google__Rpc__PreconditionFailure__Violation *violation = failure->violations[i];
    struct precondition_violation *entry = arena_calloc(arena, 1, sizeof(*entry));
    *entry = (struct precondition_violation){
        .type = violation->type, .subject = violation->subject, .description = violation->description};
    *last = entry;
    last = &entry->next;
  }
}

/* The message in `any` if it is of this type, else NULL. */
static const void *any_as(struct arena *arena, const Google__Protobuf__Any *any,
                          const ProtobufCMessageDescriptor *descriptor) {
  const char *slash = strrchr(any->type_url, '/');
  const char *name = slash ? slash + 1 : any->type_url;
  if (strcmp(name, descriptor->name) != 0) return NULL;
  return protobuf_c_message_unpack(descriptor, arena_allocator(arena), any->value.len, any->value.data);
}

static void read_detail(struct arena *arena, const struct brand *brand, const Google__Protobuf__Any *any,
                        struct error_details *details) {
  const Google__Rpc__ErrorInfo *error = any_as(arena, any, &google__rpc__error_info__descriptor);
  if (error) read_error_info(arena, brand, error, details);
  const Google__Rpc__BadRequest *bad = any_as(arena, any, &google__rpc__bad_request__descriptor);
  if (bad) read_bad_request(arena, bad, details);
  const Google__Rpc__PreconditionFailure *failure = any_as(arena, any, &google__rpc__precondition_failure__descriptor);
  if (failure) read_preconditions(arena, failure, details);
  const Google__Rpc__ResourceInfo *resource = any_as(arena, any, &google__rpc__resource_info__descriptor);
  if (resource) {
    details->resource_type = resource->resource_type;
    details->resource_name = resource->resource_name;
  }
  const Google__Rpc__RetryInfo *retry = any_as(arena, any, &google__rpc__retry_info__descriptor);
  if (retry && retry->retry_delay && retry->retry_delay->seconds < INT32_MAX) {
    details->retry_delay_ms = retry->retry_delay->seconds * 1000 + retry->retry_delay->nanos / 1000000;
  }
}

const struct error_details *error_details_unpack(struct arena *arena, const struct brand *brand, const void *bytes,
                                                 size_t size) {
  const Google__Rpc__Status *packed = google__rpc__status__unpack(arena_allocator(arena), size, bytes);
  if (!packed || packed->n_details == 0) return NULL;
  struct error_details *details = arena_calloc(arena, 1, sizeof(*details));
  details->reason = "";
  for (size_t i = 0; i < packed->n_details; i++) read_detail(arena, brand, packed->details[i], details);
  return details;
}
