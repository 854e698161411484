/* SPDX-License-Identifier: Apache-2.0 */
/* The event service, with a whole shop beside it: what it tells is what lies in Redis, in order, once, whatever happens
 * to it, to its index and to Redis meanwhile. */
#include <fcntl.h>
#include <ordershop/v1/event.pb-c.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api.h"
#include "base/clock.h"
#include "base/message.h"
#include "client/event_client.h"
#include "patience.h"
#include "store/log_time.h"
#include "suite.h"

enum { HEADER = 1, BYTES = 4, FULL = 5, EVENTS_MAX = 20000 };

static struct ordershop_client *client;

/* ---- helpers ---------------------------------------------------------------------------------------------------- */

/* The ids of all entries, as XRANGE tells them, in the order of the log. */
struct ids {
  char texts[EVENTS_MAX][24];
  size_t count;
};

static int by_log_time(const void *left, const void *right) {
  int64_t one = log_time_of_entry(left), other = log_time_of_entry(right);
  return one < other ? -1 : one > other;
}

static void add_id(struct ids *ids, const char *id) {
  CU_ASSERT_TRUE_FATAL(ids->count < EVENTS_MAX);
  snprintf(ids->texts[ids->count++], sizeof *ids->texts, "%s", id);
}

static struct ids *ids_new(void) {
  return arena_calloc(arena, 1, sizeof(struct ids));
}

static struct ids *ids_in_redis(void) {
  static const char *const entities[] = {"customer", "product", "inventory", "order",    "billing", "interaction",
                                         "mail",     "parcel",  "giftcard",  "discount", "rubbish", "wrongkind"};
  static const char *const happenings[] = {"created", "updated", "deleted"};
  struct ids *ids = ids_new();
  for (size_t i = 0; i < 3 * sizeof entities / sizeof *entities; i++) {
    const struct redis_reply *entries =
        private_redis_reply(redis, arena, "XRANGE events:%s_%s - +", entities[i / 3], happenings[i % 3]);
    for (size_t k = 0; k < entries->count; k++) add_id(ids, redis_reply_text(redis_reply_at(entries->elements[k], 0)));
  }
  qsort(ids->texts, ids->count, sizeof *ids->texts, by_log_time);
  return ids;
}

static void assert_same_ids(const struct ids *told, const struct ids *wanted) {
  CU_ASSERT_EQUAL(told->count, wanted->count);
  for (size_t i = 0; i < told->count && i < wanted->count; i++) {
    if (strcmp(told->texts[i], wanted->texts[i]) == 0) continue;
    fprintf(stderr, "  entry %zu of %zu: %s in place of %s\n", i, wanted->count, told->texts[i], wanted->texts[i]);
    CU_FAIL("another entry");
    return;
  }
}

static struct ids *ids_told(const char *filter) {
  struct ids *ids = ids_new();
  const char *token = "";
  do {
    const Ordershop__V1__ReadEventsResponse *page =
        must("ReadEvents", arena_printf(arena, "view 1 page_size 100 page_token $ %s", filter), token);
    for (size_t i = 0; i < page->n_events; i++) add_id(ids, page->events[i]->entry);
    token = page->next_page_token;
  } while (*token);
  return ids;
}

static struct ordershop_watch *watch_from(const char *after_entry, int view) {
  Ordershop__V1__WatchEventsRequest request = ORDERSHOP__V1__WATCH_EVENTS_REQUEST__INIT;
  struct context context = {.arena = arena};
  request.after_entry = (char *)after_entry;
  request.view = (Ordershop__V1__EventView)view;
  struct ordershop_watch *watch = NULL;
  CU_ASSERT_TRUE_FATAL(status_is_ok(ordershop_watch_events(client, &context, &request, &watch)));
  return watch;
}

static const Ordershop__V1__WatchEventsResponse *next_response(struct ordershop_watch *watch) {
  const Ordershop__V1__WatchEventsResponse *response = NULL;
  int64_t end_us = patience_end_us();
  while (!response && clock_monotonic_us() < end_us) {
    struct status status = ordershop_watch_read(watch, arena, 1000, &response);
    if (!status_is_ok(status)) fprintf(stderr, "  %s\n", status.message);
    CU_ASSERT_TRUE_FATAL(status_is_ok(status));
  }
  CU_ASSERT_PTR_NOT_NULL_FATAL(response);
  return response;
}

static void read_to_the_end(struct ordershop_watch *watch, struct ids *ids) {
  const Ordershop__V1__WatchEventsResponse *response;
  do {
    response = next_response(watch);
    for (size_t i = 0; i < response->n_events; i++) add_id(ids, response->events[i]->entry);
  } while (!response->at_end);
}

static const char *index_file(void) {
  return arena_printf(arena, "%s/../event/events.sqlite", private_shop_mail_folder(shop));
}

static void make_some_events(int customers) {
  for (int i = 0; i < customers; i++) new_customer();
  const Ordershop__V1__Product *product = new_stocked_product(1234, 100);
  const Ordershop__V1__Order *order = new_order(new_customer()->id, product->id);
  must("CreateBilling", "billing {order_id $}", order->id);
}

static atomic_bool writing;
static pthread_t writer;

static void *write_customers(void *argument) {
  (void)argument;
  arena = arena_new();
  while (atomic_load(&writing)) {
    must("CreateCustomer", "customer {name 'Writer' email 'writer@example.com'}");
    arena_reset(arena);
    usleep(5000);
  }
  arena_free(arena);
  return NULL;
}

static void start_writing(void) {
  atomic_store(&writing, true);
  pthread_create(&writer, NULL, write_customers, NULL);
}

static void stop_writing(void) {
  atomic_store(&writing, false);
  pthread_join(writer, NULL);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static void what_is_read_is_the_log_in_its_order_each_entry_once(void) {
  make_some_events(60);
  let_it_become_quiet();
  assert_same_ids(ids_told(""), ids_in_redis());
}

static void newest_first_is_the_same_the_other_way_round(void) {
  struct ids *told = ids_told("order 2"), *wanted = ids_in_redis();
  CU_ASSERT_EQUAL_FATAL(told->count, wanted->count);
  for (size_t i = 0; i < told->count; i++) {
    CU_ASSERT_STRING_EQUAL(told->texts[i], wanted->texts[wanted->count - 1 - i]);
  }
}

static void events_are_read_by_stream_entity_cause_and_range(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  must("UpdateCustomer", "customer {id $ name 'Another'} update_mask {paths 'name'}", customer->id);
  const Ordershop__V1__ReadEventsResponse *all =
      must("ReadEvents", "entity {entity_type 'customer' id $}", in_capitals(customer->id));
  CU_ASSERT_EQUAL_FATAL(all->n_events, 2);
  CU_ASSERT_STRING_EQUAL(all->events[0]->stream, "customer_created");
  CU_ASSERT_STRING_EQUAL(all->events[1]->stream, "customer_updated");
  CU_ASSERT_STRING_EQUAL(all->events[1]->entity_id, customer->id);
  CU_ASSERT_STRING_EQUAL(all->events[1]->entity->type_url, "type.googleapis.com/ordershop.v1.Customer");
  const Ordershop__V1__ReadEventsResponse *one =
      must("ReadEvents", "entity {entity_type 'customer' id $} streams 'customer_updated'", customer->id);
  CU_ASSERT_EQUAL(one->n_events, 1);
  one = must("ReadEvents", "entity {entity_type 'customer' id $} after_entry $", customer->id, all->events[0]->entry);
  CU_ASSERT_EQUAL(one->n_events, 1);
  one = must("ReadEvents", "entity {entity_type 'customer' id $} until_entry $", customer->id, all->events[0]->entry);
  CU_ASSERT_EQUAL(one->n_events, 1);
  one = must("ReadEvents", "entity {entity_type 'customer' id $} streams 'order_created'", customer->id);
  CU_ASSERT_EQUAL(one->n_events, 0);
  let_it_become_quiet();
  one = must("ReadEvents", "cause $", all->events[0]->event_id);
  CU_ASSERT_EQUAL(one->n_events, 2); /* an interaction and a mail */
}

static void views_tell_what_they_say(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  const Ordershop__V1__GetEntityAtResponse *full =
      must("GetEntityAt", "entity_type 'customer' id $ view 5", customer->id);
  size_t size;
  const void *packed = message_pack(arena, customer, &size);
  CU_ASSERT_EQUAL_FATAL(full->event->entity_bytes.len, size);
  CU_ASSERT_EQUAL(memcmp(full->event->entity_bytes.data, packed, size), 0);
  CU_ASSERT_EQUAL(full->event->entity->value.len, size);
  CU_ASSERT_PTR_NOT_NULL(strstr(full->event->entity_json, customer->id));
  const Ordershop__V1__GetEntityAtResponse *header =
      must("GetEntityAt", "entity_type 'customer' id $ view 1", customer->id);
  CU_ASSERT_EQUAL(header->event->entity_bytes.len, 0);
  CU_ASSERT_PTR_NULL(header->event->entity);
  CU_ASSERT_STRING_EQUAL(header->event->entity_json, "");
}

static void wrong_requests_are_refused_and_say_what_is_wrong(void) {
  assert_violations(ask("ReadEvents", "streams 'oder_created' entity {entity_type 'oder'} cause 'x' after_entry 'y'"),
                    "streams[0] entity.entity_type cause after_entry");
  assert_violations(ask("ReadEvents", "view 9 order 7 page_size -1"), "view order page_size");
  assert_violations(ask("ReadEvents", "after_entry '1-1' start_time {seconds 1}"), "start_time");
  assert_violations(ask("GetEntityHistory", ""), "entity_type id");
  assert_violations(ask("GetEntityAt", "entity_type 'order' id 'x' at_entry '1-1' at_time {seconds 1}"), "at_time");
  assert_violations(ask("TraceCause", ""), "event_id");
  assert_refused(ask("ReadEvents", "page_token 'nonsense'"), STATUS_INVALID_ARGUMENT, "PAGE_TOKEN_INVALID");
  assert_refused(ask("ReadEvents", "after_entry '9007199254000-0'"), STATUS_FAILED_PRECONDITION, "LOG_RESET");
  const char *nobody = new_id();
  assert_not_found(ask("GetEntityHistory", "entity_type 'order' id $", nobody), "order", nobody);
  assert_refused(ask("TraceCause", "event_id $", new_id()), STATUS_NOT_FOUND, "EVENT_NOT_FOUND");
  const Ordershop__V1__ReadEventsResponse *page = must("ReadEvents", "page_size 1");
  assert_refused(ask("ReadEvents", "page_size 1 order 2 page_token $", page->next_page_token), STATUS_INVALID_ARGUMENT,
                 "PAGE_TOKEN_INVALID");
}

static void assert_ok(struct answer answer) {
  if (!status_is_ok(answer.status)) fprintf(stderr, "  %s\n", answer.status.message);
  CU_ASSERT_TRUE_FATAL(status_is_ok(answer.status));
}

/* As soon as a call waits for it. */
static void *release_index(void *ret_waits) {
  *(bool *)ret_waits = private_shop_await_point(shop, ORDERSHOP_EVENT, "event.before_wait");
  private_shop_release(shop, ORDERSHOP_EVENT, "event.before_index");
  return NULL;
}

/* Asks without a position, while the index lacks what is asked for. */
static struct answer ask_of_one_that_is_behind(const char *method, const char *text, const char *value) {
  pthread_t releaser;
  bool waits;
  private_shop_arm(shop, ORDERSHOP_EVENT, "event.before_wait", "error");
  pthread_create(&releaser, NULL, release_index, &waits);
  struct answer answer = ask_after(NULL, method, text, value);
  pthread_join(releaser, NULL);
  CU_ASSERT_TRUE(waits);
  return answer;
}

static const char *customer_beyond_the_index(void) {
  let_it_become_quiet();
  private_shop_arm(shop, ORDERSHOP_EVENT, "event.before_index", "pause");
  const char *id = new_customer()->id;
  CU_ASSERT_TRUE(private_shop_await_point(shop, ORDERSHOP_EVENT, "event.before_index"));
  return id;
}

static void nothing_is_said_to_be_missing_before_the_log_was_read_to_its_end(void) {
  static const char *const entity = "entity_type 'customer' id $";
  assert_ok(ask_of_one_that_is_behind("GetEntityHistory", entity, customer_beyond_the_index()));
  assert_ok(ask_of_one_that_is_behind("GetEntityAt", entity, customer_beyond_the_index()));
  assert_ok(
      ask_of_one_that_is_behind("TraceCause", "entity {entity_type 'customer' id $}", customer_beyond_the_index()));
}

static void a_consistent_read_includes_what_happened_before_it(void) {
  static const char *const filter = "entity {entity_type 'customer' id $} consistent_read 1";
  struct answer answer = ask_of_one_that_is_behind("ReadEvents", filter, customer_beyond_the_index());
  assert_ok(answer);
  CU_ASSERT_EQUAL(((const Ordershop__V1__ReadEventsResponse *)answer.message)->n_events, 1);
  const Ordershop__V1__ReadEventsResponse *first = must("ReadEvents", "page_size 1 consistent_read 1");
  const Ordershop__V1__ReadEventsResponse *second =
      must("ReadEvents", "page_size 1 page_token $", first->next_page_token);
  CU_ASSERT_EQUAL(second->n_events, 1);
}

/* ---- entities --------------------------------------------------------------------------------------------------- */

static const Ordershop__V1__GetEntityHistoryResponse *history_of(const char *customer_id) {
  return must("GetEntityHistory", "entity_type 'customer' id $ view 1 page_size 1000", customer_id);
}

static void read_events_includes(const char *customer_id, int events) {
  const Ordershop__V1__ReadEventsResponse *page =
      must("ReadEvents", "entity {entity_type 'customer' id $} view 1 page_size 1000", customer_id);
  CU_ASSERT_EQUAL((int)page->n_events, events);
}

static void get_entity_history_includes(const char *customer_id, int events) {
  CU_ASSERT_EQUAL((int)history_of(customer_id)->n_events, events);
}

static void get_entity_at_includes(const char *customer_id, int events) {
  const Ordershop__V1__GetEntityAtResponse *state =
      must("GetEntityAt", "entity_type 'customer' id $ view 1", customer_id);
  CU_ASSERT_STRING_EQUAL(state->event->entry, history_of(customer_id)->events[events - 1]->entry);
}

static void trace_cause_includes(const char *customer_id, int events) {
  (void)customer_id, (void)events;
  const Ordershop__V1__Customer *another = new_customer();
  const Ordershop__V1__TraceCauseResponse *trace =
      must("TraceCause", "entity {entity_type 'customer' id $} view 1", another->id);
  CU_ASSERT_STRING_EQUAL(trace->tree->event->entity_id, another->id);
}

static void list_streams_includes(const char *customer_id, int events) {
  const Ordershop__V1__ListStreamsResponse *list = must("ListStreams", "");
  const char *last = history_of(customer_id)->events[events - 1]->entry;
  for (size_t i = 0; i < list->n_streams; i++) {
    if (strcmp(list->streams[i]->name, "customer_updated") != 0) continue;
    CU_ASSERT_STRING_EQUAL(list->streams[i]->last_entry, last);
    return;
  }
  CU_FAIL("the stream is not listed");
}

/* Others write meanwhile. What they write may gather until it is read, but not what a call must include. */
static void a_read_after_a_command_includes_it_whatever_is_read_and_written(void) {
  static void (*const includes[])(const char *customer_id, int events) = {
      read_events_includes, get_entity_history_includes, get_entity_at_includes, trace_cause_includes,
      list_streams_includes};
  const Ordershop__V1__Customer *customer = new_customer();
  start_writing();
  for (int i = 2; i < 100; i++) {
    must("UpdateCustomer", "customer {id $ name $} update_mask {paths 'name'}", customer->id,
         arena_printf(arena, "Name %d", i));
    includes[i % 5](customer->id, i);
  }
  stop_writing();
}

static void an_entity_at_each_entry_is_what_the_replay_says(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  for (int i = 0; i < 10; i++) {
    must("UpdateCustomer", "customer {id $ name $} update_mask {paths 'name'}", customer->id,
         arena_printf(arena, "Name %d", i));
    new_product(100 + i); /* entries of others lie between */
  }
  must("DeleteCustomer", "id $", customer->id);
  const struct ids *all = ids_told("");
  const Ordershop__V1__GetEntityHistoryResponse *history =
      must("GetEntityHistory", "entity_type 'customer' id $ view 4 page_size 1000", customer->id);
  CU_ASSERT_EQUAL_FATAL(history->n_events, 12);
  const Ordershop__V1__Event *state = NULL;
  size_t next = 0;
  for (size_t i = all->count > 200 ? all->count - 200 : 0; i < all->count; i++) {
    while (next < history->n_events && by_log_time(history->events[next]->entry, all->texts[i]) <= 0) {
      state = history->events[next++];
    }
    struct answer answer =
        ask("GetEntityAt", "entity_type 'customer' id $ view 4 at_entry $", customer->id, all->texts[i]);
    if (!state) {
      assert_not_found(answer, "customer", customer->id);
      continue;
    }
    const Ordershop__V1__GetEntityAtResponse *told = answer.message;
    CU_ASSERT_PTR_NOT_NULL_FATAL(told);
    CU_ASSERT_STRING_EQUAL(told->event->entry, state->entry);
    CU_ASSERT_EQUAL(told->event->entity_bytes.len, state->entity_bytes.len);
    CU_ASSERT_EQUAL(told->deleted, strcmp(state->stream, "customer_deleted") == 0);
  }
  const Ordershop__V1__GetEntityAtResponse *now = must("GetEntityAt", "entity_type 'customer' id $", customer->id);
  CU_ASSERT_TRUE(now->deleted);
}

static void a_mail_that_was_delivered_has_its_body(void) {
  const Ordershop__V1__Mail *mail = must("SendMail", "mail {to 'ada@example.com' subject 'Hello' body 'How are you?'}");
  let_it_become_quiet();
  const Ordershop__V1__GetEntityAtResponse *at = must("GetEntityAt", "entity_type 'mail' id $ view 4", mail->id);
  CU_ASSERT_STRING_EQUAL(at->event->stream, "mail_updated");
  const Ordershop__V1__Mail *told = message_unpack(arena, &ordershop__v1__mail__descriptor,
                                                   at->event->entity_bytes.data, at->event->entity_bytes.len);
  CU_ASSERT_PTR_NOT_NULL_FATAL(told);
  CU_ASSERT_STRING_EQUAL(told->body, "How are you?");
  CU_ASSERT_EQUAL(told->status, ORDERSHOP__V1__MAIL_STATUS__MAIL_STATUS_SENT);
}

static size_t count_in_tree(const Ordershop__V1__CauseTree *tree, const char *stream) {
  size_t count = strcmp(tree->event->stream, stream) == 0;
  for (size_t i = 0; i < tree->n_effects; i++) count += count_in_tree(tree->effects[i], stream);
  return count;
}

static void what_an_order_led_to_is_one_tree(void) {
  const Ordershop__V1__Product *product = new_stocked_product(1234, 100);
  const Ordershop__V1__Order *order = new_order(new_customer()->id, product->id);
  let_it_become_quiet();
  const Ordershop__V1__TraceCauseResponse *trace = must("TraceCause", "entity {entity_type 'order' id $}", order->id);
  CU_ASSERT_STRING_EQUAL(trace->tree->event->stream, "order_created");
  CU_ASSERT_EQUAL(count_in_tree(trace->tree, "mail_created"), 2); /* thanks, and a request to pay */
  CU_ASSERT_EQUAL(count_in_tree(trace->tree, "mail_updated"), 2); /* that they were delivered */
  CU_ASSERT_EQUAL(count_in_tree(trace->tree, "interaction_created"), 1);
  CU_ASSERT_EQUAL(count_in_tree(trace->tree, "inventory_updated"), 1); /* the stock was reserved just before */
  CU_ASSERT_EQUAL(trace->tree->effects[0]->link, ORDERSHOP__V1__CAUSE_LINK__CAUSE_LINK_ATTEMPT);
  CU_ASSERT_FALSE(trace->truncated);
  const Ordershop__V1__ReadEventsResponse *last = must("ReadEvents", "streams 'mail_updated' order 2 page_size 1");
  const Ordershop__V1__TraceCauseResponse *same = must("TraceCause", "event_id $", last->events[0]->event_id);
  CU_ASSERT_STRING_EQUAL(same->tree->event->entry, trace->tree->event->entry);
}

static void streams_tell_their_lengths_and_who_reads_them(void) {
  let_it_become_quiet();
  const Ordershop__V1__ListStreamsResponse *list = must("ListStreams", "");
  int64_t orders = 0;
  for (size_t i = 0; i < list->n_streams; i++) {
    CU_ASSERT_EQUAL(list->streams[i]->length, private_redis_number(redis, "XLEN events:%s", list->streams[i]->name));
    if (strcmp(list->streams[i]->name, "order_created") == 0) orders = (int64_t)list->streams[i]->n_readers;
  }
  CU_ASSERT_EQUAL(orders, 3); /* inventory, billing, crm */
  CU_ASSERT_EQUAL(list->n_readers, 5);
}

static void a_reader_that_is_held_up_lags_by_what_it_has_not_applied(void) {
  private_shop_stop_service(shop, ORDERSHOP_CRM);
  for (int i = 0; i < 7; i++) new_customer();
  const Ordershop__V1__ListStreamsResponse *list = must("ListStreams", "");
  for (size_t i = 0; i < list->n_readers; i++) {
    if (strcmp(list->readers[i]->service, "crm") == 0) CU_ASSERT_EQUAL(list->readers[i]->lag_entries, 7);
  }
  private_shop_start_service(shop, ORDERSHOP_CRM);
  let_it_become_quiet();
}

/* ---- watching --------------------------------------------------------------------------------------------------- */

static void a_watch_that_breaks_a_thousand_times_misses_and_repeats_nothing(void) {
  enum { BREAKS = 1000 };
  struct ids *told = ids_new();
  const char *last = "0-0";
  srandom(4711);
  start_writing();
  for (int i = 0; i < BREAKS; i++) {
    struct ordershop_watch *watch = watch_from(last, HEADER);
    const Ordershop__V1__WatchEventsResponse *response = next_response(watch);
    if (response->n_events == 0 && random() % 2) response = next_response(watch);
    size_t taken = response->n_events ? 1 + (size_t)random() % response->n_events : 0;
    if (i < BREAKS / 2 && taken > 3) taken = 3; /* so that it is far behind for a while */
    for (size_t k = 0; k < taken; k++) add_id(told, response->events[k]->entry);
    if (taken > 0) last = told->texts[told->count - 1];
    if (taken == response->n_events) last = response->read_to;
    ordershop_watch_close(watch);
  }
  stop_writing();
  let_it_become_quiet();
  struct ordershop_watch *watch = watch_from(last, HEADER);
  read_to_the_end(watch, told);
  ordershop_watch_close(watch);
  assert_same_ids(told, ids_in_redis());
}

static void a_quiet_watch_says_how_far_the_log_is(void) {
  Ordershop__V1__WatchEventsRequest request = ORDERSHOP__V1__WATCH_EVENTS_REQUEST__INIT;
  Google__Protobuf__Duration often = GOOGLE__PROTOBUF__DURATION__INIT;
  char *streams[] = {"parcel_created"};
  struct context context = {.arena = arena};
  struct ordershop_watch *watch;
  often.nanos = 100000000;
  request.streams = streams;
  request.n_streams = 1;
  request.heartbeat_interval = &often;
  CU_ASSERT_TRUE_FATAL(status_is_ok(ordershop_watch_events(client, &context, &request, &watch)));
  const Ordershop__V1__WatchEventsResponse *first = next_response(watch);
  CU_ASSERT_EQUAL(first->n_events, 0);
  const char *entry = arena_strdup(arena, first->read_to);
  must("CreateCustomer", "customer {name 'Quiet' email 'quiet@example.com'}");
  int64_t end_us = patience_end_us();
  bool moved = false;
  while (!moved && clock_monotonic_us() < end_us) {
    const Ordershop__V1__WatchEventsResponse *beat = next_response(watch);
    CU_ASSERT_EQUAL(beat->n_events, 0);
    moved = by_log_time(beat->read_to, entry) > 0;
  }
  CU_ASSERT_TRUE(moved);
  ordershop_watch_close(watch);
}

static void a_watch_of_an_entity_tells_of_nothing_else(void) {
  const Ordershop__V1__Customer *customer = new_customer();
  Ordershop__V1__WatchEventsRequest request = ORDERSHOP__V1__WATCH_EVENTS_REQUEST__INIT;
  Ordershop__V1__EntityName name = ORDERSHOP__V1__ENTITY_NAME__INIT, *names[] = {&name};
  struct context context = {.arena = arena};
  struct ordershop_watch *watch;
  name.entity_type = "customer";
  name.id = customer->id;
  request.entities = names;
  request.n_entities = 1;
  request.after_entry = "0-0";
  CU_ASSERT_TRUE_FATAL(status_is_ok(ordershop_watch_events(client, &context, &request, &watch)));
  struct ids *ids = ids_new();
  read_to_the_end(watch, ids);
  CU_ASSERT_EQUAL(ids->count, 1);
  new_customer();
  must("UpdateCustomer", "customer {id $ name 'Watched'} update_mask {paths 'name'}", customer->id);
  const Ordershop__V1__WatchEventsResponse *response;
  do {
    response = next_response(watch);
  } while (response->n_events == 0);
  CU_ASSERT_EQUAL(response->n_events, 1);
  CU_ASSERT_STRING_EQUAL(response->events[0]->entity_id, customer->id);
  ordershop_watch_close(watch);
}

/* One who reads nothing, while more happens than is kept for all. */
static void a_reader_that_is_too_slow_is_ended_and_may_resume(void) {
  enum { MAILS = 45 };
  struct ordershop_watch *slow = watch_from(ids_told("order 2 ")->texts[0], BYTES);
  const Ordershop__V1__WatchEventsResponse *response = next_response(slow);
  const char *body = repeated("0123456789abcde\n", 60000);
  for (int i = 0; i < MAILS; i++) must("SendMail", "mail {to 'ada@example.com' subject 'Large' body $}", body);
  struct ids *told = ids_new();
  const char *read_to = arena_strdup(arena, response->read_to);
  struct status status;
  int64_t end_us = patience_end_us();
  do {
    response = NULL;
    status = ordershop_watch_read(slow, arena, 1000, &response);
    for (size_t i = 0; response && i < response->n_events; i++) add_id(told, response->events[i]->entry);
    if (response) read_to = arena_strdup(arena, response->read_to);
  } while (status_is_ok(status) && clock_monotonic_us() < end_us);
  ordershop_watch_close(slow);
  CU_ASSERT_EQUAL(status.code, STATUS_ABORTED);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "WATCH_TOO_SLOW");
  CU_ASSERT_TRUE(told->count < MAILS);
  struct ordershop_watch *again = watch_from(read_to, HEADER);
  read_to_the_end(again, told);
  ordershop_watch_close(again);
  CU_ASSERT_TRUE(told->count >= MAILS);
}

static void a_watch_with_a_wrong_beginning_is_refused(void) {
  static const struct {
    const char *entry, *position;
    enum status_code code;
    const char *reason;
  } cases[] = {{"yesterday", "", STATUS_INVALID_ARGUMENT, "FIELD_INVALID"},
               {"1-1", "0be0d20519004772.1", STATUS_INVALID_ARGUMENT, "FIELD_INVALID"},
               {"", "nonsense", STATUS_INVALID_ARGUMENT, "POSITION_INVALID"},
               {"", "0be0d20519004772.1", STATUS_FAILED_PRECONDITION, "LOG_RESET"},
               {"9007199254000-0", "", STATUS_FAILED_PRECONDITION, "LOG_RESET"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    Ordershop__V1__WatchEventsRequest request = ORDERSHOP__V1__WATCH_EVENTS_REQUEST__INIT;
    struct context context = {.arena = arena};
    struct ordershop_watch *watch;
    const Ordershop__V1__WatchEventsResponse *response;
    request.after_entry = (char *)cases[i].entry;
    request.after_position = (char *)cases[i].position;
    CU_ASSERT_TRUE_FATAL(status_is_ok(ordershop_watch_events(client, &context, &request, &watch)));
    struct status status = ordershop_watch_read(watch, arena, patience_us() / 1000, &response);
    CU_ASSERT_EQUAL(status.code, cases[i].code);
    CU_ASSERT_STRING_EQUAL(status_reason(status), cases[i].reason);
    ordershop_watch_close(watch);
  }
}

/* ---- bad days --------------------------------------------------------------------------------------------------- */

static void with_the_index_as(void (*change)(void)) {
  let_it_become_quiet();
  private_shop_stop_service(shop, ORDERSHOP_EVENT);
  change();
  private_shop_start_service(shop, ORDERSHOP_EVENT);
  assert_same_ids(ids_told(""), ids_in_redis());
}

static void remove_index(void) {
  CU_ASSERT_EQUAL(unlink(index_file()), 0);
}

static void tear_index(void) {
  struct stat file;
  CU_ASSERT_EQUAL_FATAL(stat(index_file(), &file), 0);
  CU_ASSERT_EQUAL_FATAL(truncate(index_file(), file.st_size / 2), 0);
}

static void write_over_index(void) {
  int file = open(index_file(), O_WRONLY | O_CLOEXEC);
  CU_ASSERT_EQUAL(write(file, "this is no index of anything", 28), 28);
  close(file);
}

static void take_index_of_another_log(void) {
  sqlite3 *database;
  CU_ASSERT_EQUAL_FATAL(sqlite3_open(index_file(), &database), SQLITE_OK);
  CU_ASSERT_EQUAL(sqlite3_exec(database, "UPDATE log SET epoch = '0be0d20519004772'; DELETE FROM entry", 0, 0, 0),
                  SQLITE_OK);
  sqlite3_close(database);
}

/* As that of a Redis that was restored from a backup: it has what is no longer there. */
static void add_an_entry_to_the_index(void) {
  sqlite3 *database;
  CU_ASSERT_EQUAL_FATAL(sqlite3_open(index_file(), &database), SQLITE_OK);
  CU_ASSERT_EQUAL(sqlite3_exec(database, "INSERT INTO entry VALUES (9007199254740000, 0, '', '', NULL, NULL)", 0, 0, 0),
                  SQLITE_OK);
  sqlite3_close(database);
}

static void an_index_that_is_gone_torn_or_of_another_log_is_made_anew(void) {
  with_the_index_as(remove_index);
  with_the_index_as(tear_index);
  with_the_index_as(write_over_index);
  with_the_index_as(take_index_of_another_log);
  with_the_index_as(add_an_entry_to_the_index);
}

static void killed_at_any_moment_it_goes_on_where_it_was(void) {
  start_writing();
  srandom(20190128);
  for (int i = 0; i < 8; i++) {
    usleep((useconds_t)(random() % 200000));
    private_shop_kill_service(shop, ORDERSHOP_EVENT);
    private_shop_start_service(shop, ORDERSHOP_EVENT);
  }
  stop_writing();
  let_it_become_quiet();
  assert_same_ids(ids_told(""), ids_in_redis());
}

/* A connection that was lost is tried again after a while only, and watches don't wait for that. */
static bool is_reached(const void *argument) {
  (void)argument;
  struct context context = {.arena = arena, .deadline_us = clock_monotonic_us() + 1000000};
  bool serving = false;
  return status_is_ok(ordershop_check_health(client, &context, ORDERSHOP_EVENT, &serving)) && serving;
}

/* A reader that fails between what it has read, what it has committed and what it tells begins again behind what it has
 * told. */
static void assert_told_once_in_spite_of(const char *point, const char *action) {
  struct ids *told = ids_new();
  struct ordershop_watch *watch = watch_from("0-0", HEADER);
  read_to_the_end(watch, told);
  private_shop_arm(shop, ORDERSHOP_EVENT, point, action);
  new_customer();
  CU_ASSERT_TRUE(private_shop_await_point(shop, ORDERSHOP_EVENT, point));
  if (strcmp(action, "kill") == 0) {
    ordershop_watch_close(watch);
    private_shop_await_end(shop, ORDERSHOP_EVENT);
    private_shop_start_service(shop, ORDERSHOP_EVENT);
    CU_ASSERT_TRUE_FATAL(holds_soon(is_reached, NULL));
    watch = watch_from(told->texts[told->count - 1], HEADER);
  }
  let_it_become_quiet();
  struct ids *wanted = ids_in_redis();
  while (told->count < wanted->count) read_to_the_end(watch, told);
  ordershop_watch_close(watch);
  assert_same_ids(told, wanted);
  assert_same_ids(ids_told(""), wanted);
}

static void an_event_is_told_once_though_the_reader_fails_or_ends_beside_its_commit(void) {
  static const char *const points[] = {"event.before_index", "event.after_index"};
  let_it_become_quiet();
  for (size_t i = 0; i < 2; i++) {
    assert_told_once_in_spite_of(points[i], "error");
    assert_told_once_in_spite_of(points[i], "kill");
  }
}

static void when_redis_comes_back_nothing_is_missing_and_a_watch_goes_on(void) {
  struct ids *told = ids_new();
  struct ordershop_watch *watch = watch_from("0-0", HEADER);
  read_to_the_end(watch, told);
  private_redis_restart(redis);
  for (enum ordershop_service i = 0; i <= ORDERSHOP_EVENT; i++) private_shop_await_service(shop, i);
  new_customer();
  let_it_become_quiet();
  struct ids *wanted = ids_in_redis();
  while (told->count < wanted->count) read_to_the_end(watch, told);
  ordershop_watch_close(watch);
  assert_same_ids(told, wanted);
  assert_same_ids(ids_told(""), wanted);
}

static void a_stream_of_ones_own_is_found(void) {
  const char *clock = arena_strdup(arena, private_redis_command(redis, "GET ordershop_clock"));
  int64_t last = log_time_of_entry(arena_memdup(arena, clock, strcspn(clock, " ")));
  private_redis_command(redis, "XADD events:parcel_created %s event_id %s entity %b", log_time_text(arena, last + 1),
                        new_id(), "\x0a\x02p1", (size_t)4);
  int64_t end_us = patience_end_us();
  size_t count = 0;
  while (count == 0 && clock_monotonic_us() < end_us) {
    struct answer answer = ask("ReadEvents", "streams 'parcel_created' view 4");
    const Ordershop__V1__ReadEventsResponse *page = answer.message;
    count = page ? page->n_events : 0;
    if (count > 0) CU_ASSERT_STRING_EQUAL(page->events[0]->entity_id, "p1");
  }
  CU_ASSERT_EQUAL(count, 1);
}

/* ---- types beside the log --------------------------------------------------------------------------------------- */

/* A set of descriptors like that of the customers, with one word in place of another that is as long. */
static ProtobufCBinaryData customers_set_with(const char *word, const char *other) {
  const char *written = private_redis_command(redis, "HGET customer_descriptors written");
  char hash[64];
  CU_ASSERT_EQUAL_FATAL(sscanf(written, "%*s %63s", hash), 1);
  const struct redis_reply *set = private_redis_reply(redis, arena, "HGET customer_descriptors %s", hash);
  ProtobufCBinaryData bytes = {.len = set->size, .data = (uint8_t *)arena_memdup(arena, set->text, set->size)};
  size_t size = strlen(word);
  for (size_t i = 0; i + size <= bytes.len; i++) {
    if (memcmp(bytes.data + i, word, size) == 0) memcpy(bytes.data + i, other, size);
  }
  return bytes;
}

/* Adds an event of that stream with the entity of the customer, right behind the end of the log. */
static void append_customer(const char *stream, const Ordershop__V1__Customer *customer) {
  size_t size;
  const void *packed = message_pack(arena, customer, &size);
  let_it_become_quiet();
  const char *clock = arena_strdup(arena, private_redis_command(redis, "GET ordershop_clock"));
  int64_t last = log_time_of_entry(arena_memdup(arena, clock, strcspn(clock, " ")));
  private_redis_command(redis, "XADD events:%s %s event_id %s entity %b", stream, log_time_text(arena, last + 1),
                        new_id(), packed, size);
}

/* "" while the stream has not been found. */
static const char *newest_json(const char *stream) {
  const Ordershop__V1__ReadEventsResponse *page =
      ask("ReadEvents", "streams $ view 5 page_size 1 order 2", stream).message;
  return page && page->n_events > 0 ? page->events[0]->entity_json : "";
}

static bool has_text_soon(const char *stream, const char *text) {
  int64_t end_us = patience_end_us();
  bool found = false;
  while (!found && clock_monotonic_us() < end_us) found = strstr(newest_json(stream), text);
  return found;
}

static void an_unknown_type_is_read_by_the_descriptors_beside_the_log(void) {
  ProtobufCBinaryData set = customers_set_with("Customer", "Giftcard");
  private_redis_command(redis, "HSET giftcard_descriptors one %b written %s", set.data, set.len,
                        "0-0 one ordershop.v1.Giftcard\n");
  append_customer("giftcard_created", new_customer());
  CU_ASSERT_TRUE(has_text_soon("giftcard_created", "\"email\":\""));
  const Ordershop__V1__ListStreamsResponse *list = must("ListStreams", "types 1");
  CU_ASSERT_TRUE(list->n_types >= 8);
  for (size_t i = 0; i < list->n_types; i++) {
    if (strcmp(list->types[i]->entity_type, "giftcard") != 0) continue;
    CU_ASSERT_STRING_EQUAL(list->types[i]->message_type, "ordershop.v1.Giftcard");
    CU_ASSERT_EQUAL(list->types[i]->descriptor_set.len, set.len);
  }
  CU_ASSERT_EQUAL(((const Ordershop__V1__ListStreamsResponse *)must("ListStreams", ""))->n_types, 0);
}

/* What comes behind the line is read by the newer set, what came before by the older one. */
static void a_line_anew_divides_what_is_read_by_which_set(void) {
  ProtobufCBinaryData older = customers_set_with("Customer", "Discount"), newer = customers_set_with("email", "phone");
  for (size_t i = 0; i + 8 <= newer.len; i++) {
    if (memcmp(newer.data + i, "Customer", 8) == 0) memcpy(newer.data + i, "Discount", 8);
  }
  private_redis_command(redis, "HSET discount_descriptors one %b written %s", older.data, older.len,
                        "0-0 one ordershop.v1.Discount\n");
  append_customer("discount_created", new_customer());
  CU_ASSERT_TRUE(has_text_soon("discount_created", "\"email\":\""));
  const char *clock = arena_strdup(arena, private_redis_command(redis, "GET ordershop_clock"));
  int64_t last = log_time_of_entry(arena_memdup(arena, clock, strcspn(clock, " ")));
  private_redis_command(redis, "HSET discount_descriptors two %b written %s", newer.data, newer.len,
                        arena_printf(arena, "0-0 one ordershop.v1.Discount\n%s two ordershop.v1.Discount anew\n",
                                     log_time_text(arena, last + 1)));
  append_customer("discount_updated", new_customer());
  CU_ASSERT_TRUE(has_text_soon("discount_updated", "\"phone\":\""));
  CU_ASSERT_PTR_NOT_NULL(strstr(newest_json("discount_created"), "\"email\":\""));
}

static void descriptors_that_cant_be_used_leave_the_bytes(void) {
  private_redis_command(redis, "HSET rubbish_descriptors one rubbish written %s", "0-0 one ordershop.v1.Rubbish\n");
  private_redis_command(redis, "SET wrongkind_descriptors text");
  append_customer("rubbish_created", new_customer());
  append_customer("wrongkind_created", new_customer());
  int64_t end_us = patience_end_us();
  size_t count = 0;
  const Ordershop__V1__ReadEventsResponse *page = NULL;
  while (count < 2 && clock_monotonic_us() < end_us) {
    struct answer answer = ask("ReadEvents", "streams 'rubbish_created' streams 'wrongkind_created' view 5");
    page = answer.message;
    count = page ? page->n_events : 0;
  }
  CU_ASSERT_EQUAL_FATAL(count, 2);
  for (size_t i = 0; i < count; i++) {
    CU_ASSERT_STRING_EQUAL(page->events[i]->entity_json, "");
    CU_ASSERT_PTR_NULL(page->events[i]->entity);
    CU_ASSERT_TRUE(page->events[i]->entity_bytes.len > 0);
  }
}

static void it_is_refused_nothing_and_writes_nothing(void) {
  CU_ASSERT_FALSE(private_redis_has_denied(redis));
  CU_ASSERT_EQUAL(private_redis_number(redis, "EXISTS event_position event_lease event_ids"), 0);
}

static int set_up(void) {
  int failed = api_set_up();
  client = private_shop_client(shop, arena);
  return failed;
}

static int tear_down(void) {
  ordershop_client_close(client);
  return api_tear_down();
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"what is read is the log in its order, each entry once", what_is_read_is_the_log_in_its_order_each_entry_once},
      {"newest first is the same the other way round", newest_first_is_the_same_the_other_way_round},
      {"events are read by stream, entity, cause and range", events_are_read_by_stream_entity_cause_and_range},
      {"views tell what they say", views_tell_what_they_say},
      {"wrong requests are refused, and say what is wrong", wrong_requests_are_refused_and_say_what_is_wrong},
      {"nothing is said to be missing before the log was read to its end",
       nothing_is_said_to_be_missing_before_the_log_was_read_to_its_end},
      {"a consistent read includes what happened before it", a_consistent_read_includes_what_happened_before_it},
      {"a read after a command includes it, whatever is read and written",
       a_read_after_a_command_includes_it_whatever_is_read_and_written},
      {"an entity at each entry is what the replay says", an_entity_at_each_entry_is_what_the_replay_says},
      {"a mail that was delivered has its body", a_mail_that_was_delivered_has_its_body},
      {"what an order led to is one tree", what_an_order_led_to_is_one_tree},
      {"streams tell their lengths and who reads them", streams_tell_their_lengths_and_who_reads_them},
      {"a reader that is held up lags by what it has not applied",
       a_reader_that_is_held_up_lags_by_what_it_has_not_applied},
      {"a watch that breaks a thousand times misses and repeats nothing",
       a_watch_that_breaks_a_thousand_times_misses_and_repeats_nothing},
      {"a quiet watch says how far the log is", a_quiet_watch_says_how_far_the_log_is},
      {"a watch of an entity tells of nothing else", a_watch_of_an_entity_tells_of_nothing_else},
      {"a watch with a wrong beginning is refused", a_watch_with_a_wrong_beginning_is_refused},
      {"an index that is gone, torn or of another log is made anew",
       an_index_that_is_gone_torn_or_of_another_log_is_made_anew},
      {"killed at any moment, it goes on where it was", killed_at_any_moment_it_goes_on_where_it_was},
      {"an event is told once though the reader fails or ends beside its commit",
       an_event_is_told_once_though_the_reader_fails_or_ends_beside_its_commit},
      {"when Redis comes back nothing is missing, and a watch goes on",
       when_redis_comes_back_nothing_is_missing_and_a_watch_goes_on},
      {"a stream of one's own is found", a_stream_of_ones_own_is_found},
      {"an unknown type is read by the descriptors beside the log",
       an_unknown_type_is_read_by_the_descriptors_beside_the_log},
      {"a line anew divides what is read by which set", a_line_anew_divides_what_is_read_by_which_set},
      {"descriptors that can't be used leave the bytes", descriptors_that_cant_be_used_leave_the_bytes},
      {"a reader that is too slow is ended, and may resume", a_reader_that_is_too_slow_is_ended_and_may_resume},
      {"it is refused nothing, and writes nothing", it_is_refused_nothing_and_writes_nothing},
  };
  return suite_main("event_service", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
