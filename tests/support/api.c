/* SPDX-License-Identifier: Apache-2.0 */
#include "api.h"

#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/uuid.h"
#include "client/position_memory.h"
#include "patience.h"
#include "rpc/rpc_blocking_client.h"
#include "shop_brand.h"

enum { POLL_US = 2000 };

struct private_shop *shop;
struct private_redis *redis;
_Thread_local struct arena *arena;

const struct private_shop_options *api_shop_options;

static struct arena *suite_arena;
static struct rpc_blocking_channel *channels[ORDERSHOP_SERVICE_COUNT];
static struct position_memory latest;

static _Noreturn void fail(const char *what, const char *detail) {
  fprintf(stderr, "api: %s %s\n", what, detail);
  exit(2);
}

int api_set_up(void) {
  suite_arena = arena = arena_new();
  position_memory_init(&latest);
  shop = private_shop_start(api_shop_options);
  redis = private_shop_redis(shop);
  for (enum ordershop_service i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) {
    const char *target = arena_printf(arena, "127.0.0.1:%d", private_shop_port(shop, i));
    const struct rpc_channel_options options = {
        .brand = &shop_brand, .peer = ordershop_service_name(i), .wait_for_ready = true};
    struct status status = rpc_blocking_channel_open(arena, target, &options, &channels[i]);
    if (!status_is_ok(status)) fail("no channel:", status.message);
  }
  return 0;
}

int api_tear_down(void) {
  for (int i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) rpc_blocking_channel_close(channels[i]);
  private_shop_free(shop);
  position_memory_destroy(&latest);
  arena_free(suite_arena);
  return 0;
}

struct private_redis *redis_of(const char *key) {
  return private_shop_redis_of(shop, key);
}

const char *key_of(const char *key) {
  return private_shop_key(shop, arena, key);
}

/* ---- requests as text ------------------------------------------------------------------------------------------- */

struct reader {
  const char *at;
  const char *text; /* all of it, for messages */
  va_list *values;
};

static void skip_blanks(struct reader *reader) {
  while (isspace((unsigned char)*reader->at)) reader->at++;
}

static const char *read_name(struct reader *reader) {
  const char *begin = reader->at;
  while (isalnum((unsigned char)*reader->at) || *reader->at == '_') reader->at++;
  return arena_memdup(arena, begin, (size_t)(reader->at - begin));
}

static char *read_text(struct reader *reader) {
  if (*reader->at++ == '$') return va_arg(*reader->values, char *);
  const char *end = strchr(reader->at, '\'');
  if (!end) fail("no end of a text in", reader->text);
  char *text = arena_memdup(arena, reader->at, (size_t)(end - reader->at));
  reader->at = end + 1;
  return text;
}

static int64_t read_number(struct reader *reader) {
  char *end;
  if (*reader->at == '#') {
    reader->at++;
    return va_arg(*reader->values, int64_t);
  }
  int64_t number = strtoll(reader->at, &end, 10);
  if (end == reader->at) fail("no value at", reader->at);
  reader->at = end;
  return number;
}

static void add_element(void *message, const ProtobufCFieldDescriptor *field, void *value) {
  size_t count = message_repeated_count(message, field);
  void **values = arena_calloc(arena, count + 1, sizeof *values);
  if (count > 0) memcpy(values, message_repeated_values(message, field), count * sizeof *values);
  values[count] = value;
  message_set_repeated(message, field, values, count + 1);
}

static void *read_message(struct reader *reader, const ProtobufCMessageDescriptor *descriptor, char end);

static void read_value(struct reader *reader, void *message, const ProtobufCFieldDescriptor *field) {
  bool repeated_field = field->label == PROTOBUF_C_LABEL_REPEATED;
  void *value;
  if (*reader->at == '@') {
    void **values = va_arg(*reader->values, void **);
    reader->at++;
    message_set_repeated(message, field, values, va_arg(*reader->values, size_t));
    return;
  }
  if (*reader->at == '{') {
    reader->at++;
    value = read_message(reader, field->descriptor, '}');
  } else if (*reader->at == '\'' || *reader->at == '$') {
    value = read_text(reader);
  } else {
    int64_t number = read_number(reader);
    bool narrow = field->type != PROTOBUF_C_TYPE_INT64;
    if (narrow) *(int32_t *)message_member(message, field) = (int32_t)number;
    if (!narrow) *(int64_t *)message_member(message, field) = number;
    return;
  }
  if (repeated_field) add_element(message, field, value);
  if (!repeated_field) *(void **)message_member(message, field) = value;
}

static void *read_message(struct reader *reader, const ProtobufCMessageDescriptor *descriptor, char end) {
  void *message = message_new(arena, descriptor);
  while (skip_blanks(reader), *reader->at != end) {
    const char *name = read_name(reader);
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(descriptor, name);
    if (!field) fail("no such field:", *name ? name : reader->at);
    skip_blanks(reader);
    read_value(reader, message, field);
  }
  if (end) reader->at++;
  return message;
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

static const ProtobufCMethodDescriptor *find_method(const char *name, enum ordershop_service *ret_service) {
  for (enum ordershop_service i = 0; i < ORDERSHOP_SERVICE_COUNT; i++) {
    const ProtobufCMethodDescriptor *method =
        protobuf_c_service_descriptor_get_method_by_name(ordershop_service_descriptor(i), name);
    *ret_service = i;
    if (method) return method;
  }
  fail("no such method:", name);
}

enum ordershop_service service_of_method(const char *method) {
  enum ordershop_service service;
  find_method(method, &service);
  return service;
}

static struct answer call(const char *after, const char *name, const void *request) {
  enum ordershop_service service;
  find_method(name, &service);
  struct context context = {.arena = arena, .deadline_us = patience_end_us(), .after = after};
  struct rpc_reply reply =
      rpc_blocking_call(channels[service], &context, ordershop_service_descriptor(service), name, request);
  if (reply.position) position_memory_advance(&latest, reply.position);
  return (struct answer){.status = reply.status, .message = reply.message, .position = reply.position};
}

static void *read_request(const char *method, const char *text, va_list *values) {
  enum ordershop_service service;
  struct reader reader = {.at = text, .text = text, .values = values};
  return read_message(&reader, find_method(method, &service)->input, '\0');
}

struct answer ask_message(const char *method, const void *request) {
  return call(position_memory_read(&latest, arena), method, request);
}

struct answer ask(const char *method, const char *text, ...) {
  va_list values;
  va_start(values, text);
  const void *request = read_request(method, text, &values);
  va_end(values);
  return ask_message(method, request);
}

struct answer ask_after(const char *after, const char *method, const char *text, ...) {
  va_list values;
  va_start(values, text);
  const void *request = read_request(method, text, &values);
  va_end(values);
  return call(after, method, request);
}

void *request_of(const char *method, const char *text, ...) {
  va_list values;
  va_start(values, text);
  void *request = read_request(method, text, &values);
  va_end(values);
  return request;
}

static void explain(struct status status, const char *wanted) {
  fprintf(stderr, "  wanted %s; got %s %s: %s\n", wanted, status_is_ok(status) ? "OK" : status_code_name(status.code),
          status_reason(status), status.message ? status.message : "");
}

const void *must(const char *method, const char *text, ...) {
  va_list values;
  va_start(values, text);
  struct answer answer = ask_message(method, read_request(method, text, &values));
  va_end(values);
  if (status_is_ok(answer.status)) return answer.message;
  explain(answer.status, method);
  if (arena != suite_arena) fail("a thread can't go on after", method); /* CUnit would jump to the test's stack */
  CU_FAIL_FATAL("a call that must be OK");
  return NULL;
}

/* ---- assertions ------------------------------------------------------------------------------------------------- */

void assert_refused(struct answer answer, enum status_code code, const char *reason) {
  bool as_wanted = answer.status.code == code && strcmp(status_reason(answer.status), reason) == 0;
  if (!as_wanted) explain(answer.status, arena_printf(arena, "%s %s", status_code_name(code), reason));
  CU_ASSERT_TRUE(as_wanted);
}

/* Takes the first occurrence of `word` out of the words of `list`. */
static bool take_word(char *list, const char *word) {
  size_t length = strlen(word);
  for (char *at = list; (at = strstr(at, word)); at += length) {
    bool begins = at == list || at[-1] == ' ', ends = at[length] == ' ' || at[length] == '\0';
    if (!begins || !ends) continue;
    memset(at, ' ', length);
    return true;
  }
  return false;
}

static const char *fields_of(struct status status) {
  const char *list = "";
  const struct field_violation *violation = status.details ? status.details->violations : NULL;
  for (; violation; violation = violation->next) list = arena_printf(arena, "%s %s", list, violation->field);
  return list;
}

void assert_violations(struct answer answer, const char *fields) {
  char *missing = arena_strdup(arena, fields);
  bool as_wanted =
      answer.status.code == STATUS_INVALID_ARGUMENT && strcmp(status_reason(answer.status), "FIELD_INVALID") == 0;
  const struct field_violation *violation = answer.status.details ? answer.status.details->violations : NULL;
  for (; violation; violation = violation->next) {
    as_wanted = take_word(missing, violation->field) && *violation->description && as_wanted;
  }
  as_wanted = as_wanted && missing[strspn(missing, " ")] == '\0';
  if (!as_wanted) {
    explain(answer.status, arena_printf(arena, "violations of %s, not of%s", fields, fields_of(answer.status)));
  }
  CU_ASSERT_TRUE(as_wanted);
}

void assert_not_found(struct answer answer, const char *type, const char *id) {
  char *reason = arena_printf(arena, "%s_NOT_FOUND", type);
  for (char *at = reason; *at; at++) *at = (char)toupper((unsigned char)*at);
  assert_refused(answer, STATUS_NOT_FOUND, reason);
  const struct error_details *details = answer.status.details;
  CU_ASSERT_PTR_NOT_NULL(details);
  if (!details) return;
  CU_ASSERT_TRUE(details->resource_type && strcmp(details->resource_type, type) == 0);
  CU_ASSERT_TRUE(details->resource_name && strcmp(details->resource_name, id) == 0);
}

void assert_same_answer(struct answer answer, const void *message) {
  bool ok = status_is_ok(answer.status);
  bool same = ok && message_equal(arena, answer.message, message);
  if (!same) explain(answer.status, "the same answer");
  CU_ASSERT_TRUE(same);
}

void assert_done(struct answer answer) {
  if (!status_is_ok(answer.status)) explain(answer.status, "OK");
  CU_ASSERT_EQUAL(answer.status.code, STATUS_OK);
  CU_ASSERT_TRUE(answer.position && *answer.position);
}

const char *metadata_of(struct answer answer, const char *key) {
  const struct error_metadata *entry = answer.status.details ? answer.status.details->metadata : NULL;
  for (; entry; entry = entry->next) {
    if (strcmp(entry->key, key) == 0) return entry->value;
  }
  return "";
}

/* ---- things ----------------------------------------------------------------------------------------------------- */

const char *new_id(void) {
  return uuid_random(arena);
}

const Ordershop__V1__Customer *new_customer(void) {
  return must("CreateCustomer", "customer {name 'Ada' email $}", arena_printf(arena, "%.13s@example.com", new_id()));
}

const Ordershop__V1__Product *new_product(int64_t price_cents) {
  return must("CreateProduct", "product {name 'Kettle' price_cents #}", price_cents);
}

const Ordershop__V1__Product *new_stocked_product(int64_t price_cents, int64_t amount) {
  const Ordershop__V1__Product *product = new_product(price_cents);
  must("CreateInventory", "inventory {product_id $ amount #}", product->id, amount);
  return product;
}

const Ordershop__V1__Inventory *stock_of(const char *product_id) {
  const Ordershop__V1__ListInventoriesResponse *list = must("ListInventories", "product_id $", product_id);
  CU_ASSERT_EQUAL_FATAL(list->n_inventories, 1);
  return list->inventories[0];
}

const Ordershop__V1__Order *new_order(const char *customer_id, const char *product_id) {
  return must("CreateOrder", "order {customer_id $ product_ids $}", customer_id, product_id);
}

const char *repeated(const char *text, int count) {
  size_t size = strlen(text);
  char *result = arena_alloc(arena, size * (size_t)count + 1);
  for (int i = 0; i < count; i++) memcpy(result + size * (size_t)i, text, size);
  result[size * (size_t)count] = '\0';
  return result;
}

const char *in_capitals(const char *id) {
  char *result = arena_strdup(arena, id);
  for (char *at = result; *at; at++) *at = (char)toupper((unsigned char)*at);
  return result;
}

/* ---- looking behind --------------------------------------------------------------------------------------------- */

int64_t events_of(const char *stream) {
  return private_redis_number(redis_of(stream), "XLEN %s", key_of(arena_printf(arena, "events:%s", stream)));
}

bool holds_soon(bool (*holds)(const void *argument), const void *argument) {
  int64_t deadline = patience_end_us();
  while (!holds(argument)) {
    if (clock_monotonic_us() > deadline) return false;
    usleep(POLL_US);
  }
  return true;
}

static bool is_quiet(const void *argument) {
  (void)argument;
  return private_shop_is_quiet(shop);
}

void let_it_become_quiet(void) {
  CU_ASSERT_TRUE(holds_soon(is_quiet, NULL));
  position_memory_advance(&latest, private_shop_end_of_log(shop, arena));
}

/* Whether a process was started with that variable. */
static bool has_variable(const char *process, const char *variable) {
  FILE *file = fopen(arena_printf(arena, "/proc/%s/environ", process), "re");
  char *entry = NULL;
  size_t room = 0;
  bool found = false;
  while (file && !found && getdelim(&entry, &room, '\0', file) > 0) found = strcmp(entry, variable) == 0;
  free(entry);
  if (file) fclose(file);
  return found;
}

static const char *process_of(enum ordershop_service service) {
  const char *variable = arena_printf(arena, "ORDERSHOP_LISTEN=127.0.0.1:%d", private_shop_port(shop, service));
  DIR *folder = opendir("/proc");
  const char *process = NULL;
  for (struct dirent *entry; folder && !process && (entry = readdir(folder));) {
    if (!isdigit((unsigned char)entry->d_name[0])) continue;
    if (has_variable(entry->d_name, variable)) process = arena_strdup(arena, entry->d_name);
  }
  if (folder) closedir(folder);
  if (!process) fail("no process of", ordershop_service_name(service));
  return process;
}

int64_t memory_of(enum ordershop_service service, const char *name) {
  FILE *file = fopen(arena_printf(arena, "/proc/%s/status", process_of(service)), "re");
  char *line = NULL;
  size_t room = 0, length = strlen(name);
  int64_t kilobytes = -1;
  while (file && getline(&line, &room, file) > 0) {
    if (strncmp(line, name, length) == 0 && line[length] == ':') kilobytes = atoll(line + length + 1);
  }
  free(line);
  if (file) fclose(file);
  if (kilobytes < 0) fail("no such number:", name);
  return kilobytes;
}
