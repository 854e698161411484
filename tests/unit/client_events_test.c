/* SPDX-License-Identifier: Apache-2.0 */
/* Events as text and JSON, whatever they hold; where a tail begins. */
#include <descriptor_set.h>
#include <jansson.h>
#include <ordershop/v1/customer.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "base/timestamp.h"
#include "client/cli/events/event_from.h"
#include "client/cli/events/event_text.h"
#include "client/cli/output/status_show.h"
#include "message/entity_types.h"
#include "store/log_time.h"
#include "suite.h"

static struct arena *arena;
static struct entity_types *types;

static const ProtobufCMessageDescriptor *type_of(const char *stream) {
  return entity_types_find(types, stream_name_of(arena, stream).entity);
}

static const char *text_of_event(const char *stream, Ordershop__V1__Event *event) {
  event->stream = arena_strdup(arena, stream);
  return event_text(arena, type_of(stream), event);
}

static json_t *json_of_event(const char *stream, Ordershop__V1__Event *event) {
  event->stream = arena_strdup(arena, stream);
  return event_json(arena, type_of(stream), event);
}

static Ordershop__V1__Event *event_of(const void *entity, size_t size) {
  Ordershop__V1__Event *event = arena_alloc(arena, sizeof(*event));
  ordershop__v1__event__init(event);
  event->entry = arena_strdup(arena, "1548699678802-91");
  event->event_id = arena_strdup(arena, "e1");
  event->cause = arena_strdup(arena, "c1");
  event->time = timestamp_new(arena, log_time_of_entry(event->entry));
  event->entity_bytes = (ProtobufCBinaryData){.len = size, .data = (uint8_t *)arena_memdup(arena, entity, size)};
  return event;
}

static Ordershop__V1__Event *event_of_customer(const char *name) {
  Ordershop__V1__Customer customer = ORDERSHOP__V1__CUSTOMER__INIT;
  customer.id = arena_strdup(arena, "76131f90-36f5-4ce4-8516-0685a3dccc54");
  customer.name = arena_strdup(arena, name);
  customer.version = 2;
  size_t size;
  void *bytes = message_pack(arena, &customer, &size);
  return event_of(bytes, size);
}

static void test_text(void) {
  CU_ASSERT_STRING_EQUAL(text_of_event("customer_updated", event_of_customer("Ada Lovelace")),
                         "2019-01-28T18:21:18.802091Z  customer    updated  76131f90-36f5-4ce4-8516-0685a3dccc54  v2  "
                         "name=\"Ada Lovelace\"  cause=c1");
}

static void test_controls(void) {
  const char *text = text_of_event("customer_updated", event_of_customer("\x1b[2J\nfaked"));
  CU_ASSERT_PTR_NULL(strchr(text, '\x1b'));
  CU_ASSERT_PTR_NULL(strchr(text, '\n'));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "faked"));
}

static void test_json(void) {
  json_t *json = json_of_event("customer_updated", event_of_customer("Ada"));
  CU_ASSERT_PTR_NOT_NULL_FATAL(json);
  CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json, "id")), "1548699678802-91");
  CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json, "stream")), "customer_updated");
  CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json, "eventId")), "e1");
  CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(json, "cause")), "c1");
  const char *name = json_string_value(json_object_get(json_object_get(json, "customer"), "name"));
  CU_ASSERT_STRING_EQUAL(name, "Ada");
  json_decref(json);
}

/* How many of the entities that the rows of deploy/services.txt own, those of added services among them, are known. */
static size_t owned_entities_known(void) {
  FILE *list = fopen(ORDERSHOP_SOURCE_BUILT "/deploy/services.txt", "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(list);
  char line[512], owned[256];
  size_t count = 0;
  while (fgets(line, sizeof(line), list)) {
    if (line[0] == '#' || sscanf(line, "%*s %*d %255s", owned) != 1 || strcmp(owned, "-") == 0) continue;
    for (char *rest = owned, *name; (name = strsep(&rest, ",")); count++) {
      CU_ASSERT_PTR_NOT_NULL(entity_types_find(types, name));
    }
  }
  fclose(list);
  return count;
}

/* What the store demands of an entity, and no request or answer of the contract has. */
static void test_entities(void) {
  size_t count = 0;
  while (entity_types_name(types, count)) count++;
  CU_ASSERT_EQUAL(count, owned_entities_known());
}

static void test_unknown(void) {
  CU_ASSERT_PTR_NOT_NULL(strstr(text_of_event("cart_created", event_of("\xff", 1)), "no type is known"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text_of_event("odd", event_of("", 0)), "no type is known"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text_of_event("customer_created", event_of("\xff", 1)), "can't be decoded"));
}

static void check_shown(const char *stream, Ordershop__V1__Event *event) {
  const char *text = text_of_event(stream, event);
  CU_ASSERT_PTR_NULL(strchr(text, '\n'));
  CU_ASSERT_PTR_NULL(strchr(text, '\x1b'));
  json_t *json = json_of_event(stream, event);
  CU_ASSERT_PTR_NOT_NULL(json);
  json_decref(json);
}

/* Bytes that nobody wrote, and such that differ a little from what somebody did. */
static void test_random(void) {
  srand(4711);
  const char *name;
  for (size_t i = 0; (name = entity_types_name(types, i)); i++) {
    const char *stream = arena_printf(arena, "%s_created", name);
    for (int round = 0; round < 300; round++) {
      char bytes[64];
      size_t size = (size_t)rand() % sizeof(bytes);
      for (size_t at = 0; at < size; at++) bytes[at] = (char)rand();
      check_shown(stream, event_of(bytes, size));
      Ordershop__V1__Event *near = event_of_customer("Ada Lovelace");
      near->entity_bytes.data[(size_t)rand() % near->entity_bytes.len] = (uint8_t)rand();
      check_shown(stream, near);
    }
    arena_reset(arena);
  }
}

static void test_shapes(void) {
  Ordershop__V1__Event empty = ORDERSHOP__V1__EVENT__INIT;
  check_shown("customer_created", &empty);
  check_shown("", &empty);
  check_shown("\x1b[2J", event_of("", 0));
}

static const char *begin_of(const char *text) {
  struct event_from from;
  if (!event_from_parse(text, &from)) return NULL;
  return event_from_entry(arena, &from, "700-7", 100000);
}

static void test_from(void) {
  CU_ASSERT_STRING_EQUAL(begin_of("BEGINNING"), "0-0");
  CU_ASSERT_STRING_EQUAL(begin_of("now"), "700-7");
  CU_ASSERT_STRING_EQUAL(begin_of("1548699678802-91"), "1548699678802-91");
  CU_ASSERT_STRING_EQUAL(begin_of("1m"), "39999-18446744073709551615");
  CU_ASSERT_STRING_EQUAL(begin_of("10h"), "0-0");
  CU_ASSERT_STRING_EQUAL(begin_of("2019-01-28T18:21:18.802Z"), "1548699678801-18446744073709551615");
  CU_ASSERT_STRING_EQUAL(begin_of("2019-01-28T19:21:18.802999+01:00"), "1548699678801-18446744073709551615");
  CU_ASSERT_STRING_EQUAL(begin_of("1970-01-02"), "86399999-18446744073709551615");
}

static void test_from_refused(void) {
  static const char *const wrong[] = {"",
                                      "yesterday",
                                      "10",
                                      "10y",
                                      "10mm",
                                      "-10m",
                                      "1-",
                                      "1-2-3",
                                      "2019-01-28T",
                                      "2019-01-28T18:21:18",
                                      "2019-01-28T18:21:18Z ",
                                      "2019-13-01",
                                      "99999999999999999-1"};
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) CU_ASSERT_PTR_NULL(begin_of(wrong[i]));
}

static void test_durations(void) {
  CU_ASSERT_STRING_EQUAL(status_duration_text(arena, -5), "0s");
  CU_ASSERT_STRING_EQUAL(status_duration_text(arena, 59999999), "59s");
  CU_ASSERT_STRING_EQUAL(status_duration_text(arena, INT64_C(725) * 1000000), "12m 5s");
  CU_ASSERT_STRING_EQUAL(status_duration_text(arena, INT64_C(273600) * 1000000), "3d 4h");
}

static int set_up(void) {
  arena = arena_new();
  types = entity_types_new();
  return !status_is_ok(entity_types_add(types, arena, ordershop_descriptor_set, ordershop_descriptor_set_size));
}

static int tear_down(void) {
  entity_types_free(types);
  arena_free(arena);
  return 0;
}

static const struct test tests[] = {
    {"an event is a line: time, what happened, id, fields, cause", test_text},
    {"what a customer chose as his name moves no cursor and forges no line", test_controls},
    {"an event is a line of JSON with its entity by name", test_json},
    {"the entities of the contract are known, and nothing else", test_entities},
    {"what can't be decoded is shown as such", test_unknown},
    {"random and damaged bytes are shown in one line, and as JSON", test_random},
    {"entries of odd shapes are shown", test_shapes},
    {"a tail begins at the beginning, now, behind an entry, at a time or a time ago", test_from},
    {"other places to begin are refused", test_from_refused},
    {"durations come in their two largest units", test_durations},
};

int main(int argc, char **argv) {
  return suite_main("client_events", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
