/* SPDX-License-Identifier: Apache-2.0 */
/* API: a private shop as an outsider meets it, for tests of the contract. Requests are written as text, answers are
 * looked at as messages; nothing is retried, nothing added.
 *
 *   const Ordershop__V1__Customer *ada = must("CreateCustomer", "customer {name $ email 'ada@example.com'}", name);
 *   assert_violations(ask("UpdateCustomer", "customer {id $ name ''} update_mask {paths 'name'}", ada->id),
 *                     "customer.name");
 *
 * A request's text is its fields by name, each followed by its value: 'text', a number, {...} a message; $ takes the
 * next argument, a text; # the next one, an int64_t; @ the next two, an array of texts and their number (size_t). A
 * repeated field is named once for each element, or once with @. An error in it ends the program.
 *
 * Every call comes after the latest command of the program (`ordershop-after`). What is asked and answered lives in
 * `arena`, which each thread has for itself. */
#pragma once

#include <ordershop/v1/billing.pb-c.h>
#include <ordershop/v1/crm.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/inventory.pb-c.h>
#include <ordershop/v1/mail.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <ordershop/v1/product.pb-c.h>
#include <sys/types.h>

#include "private_shop.h"
#include "suite.h"

extern struct private_shop *shop;
extern struct private_redis *redis;
extern _Thread_local struct arena *arena;

/* The Redis in which a key lies (private_shop_redis_of). */
struct private_redis *redis_of(const char *key);

/* Such a key as it is there (private_shop_key). */
const char *key_of(const char *key);

/* Of the shop; to be set before api_set_up. NULL, which it is otherwise, means none. */
extern const struct private_shop_options *api_shop_options;

/* For suite_main: a shop for the whole suite. */
int api_set_up(void);
int api_tear_down(void);

/* ---- calls ------------------------------------------------------------------------------------------------------ */

struct answer {
  struct status status;
  const void *message;  /* NULL unless the status is OK */
  const char *position; /* trailing metadata of an answer that is OK, or NULL */
};

/* A call by the name of its method; the service is the one that has it. */
struct answer ask(const char *method, const char *text, ...);

/* The same with an `ordershop-after` of its own; NULL if there is none. */
struct answer ask_after(const char *after, const char *method, const char *text, ...);

/* The same with a request that was made before. */
struct answer ask_message(const char *method, const void *request);

/* The answer of a call that must be OK; ends the test otherwise, and in other threads than the test's the program. */
const void *must(const char *method, const char *text, ...);

/* A request's message. */
void *request_of(const char *method, const char *text, ...);

enum ordershop_service service_of_method(const char *method);

/* ---- assertions: they say on standard error what was found instead ---------------------------------------------- */

/* The code, and the reason of the ErrorInfo. */
void assert_refused(struct answer answer, enum status_code code, const char *reason);

/* INVALID_ARGUMENT FIELD_INVALID with violations of exactly these fields, separated by blanks, in any order. */
void assert_violations(struct answer answer, const char *fields);

/* The code and reason that belong together: NOT_FOUND "<TYPE>_NOT_FOUND" with a ResourceInfo of that type and id. */
void assert_not_found(struct answer answer, const char *type, const char *id);

/* OK, and packs to the same bytes as `message`. */
void assert_same_answer(struct answer answer, const void *message);

/* OK, with a position. */
void assert_done(struct answer answer);

/* ErrorInfo.metadata[key], or "". */
const char *metadata_of(struct answer answer, const char *key);

/* ---- things ----------------------------------------------------------------------------------------------------- */

const char *new_id(void);
const Ordershop__V1__Customer *new_customer(void); /* with an address of its own */
const Ordershop__V1__Product *new_product(int64_t price_cents);
const Ordershop__V1__Product *new_stocked_product(int64_t price_cents, int64_t amount);
const Ordershop__V1__Inventory *stock_of(const char *product_id); /* that must exist */
const Ordershop__V1__Order *new_order(const char *customer_id, const char *product_id);

/* `count` copies of `text`. */
const char *repeated(const char *text, int count);

/* The id with capital letters. */
const char *in_capitals(const char *id);

/* ---- looking behind --------------------------------------------------------------------------------------------- */

/* Number of entries of a stream: events_of("customer_updated"). */
int64_t events_of(const char *stream);

/* Waits until nothing is under way (private_shop_is_quiet). What is asked from then on has seen all that happened, so
 * the event service is waited for, too. */
void let_it_become_quiet(void);

/* Polls until it holds, as long as a test is patient. */
bool holds_soon(bool (*holds)(const void *argument), const void *argument);

/* A number in kB of a service's /proc/<pid>/status: "VmRSS", "VmHWM". */
int64_t memory_of(enum ordershop_service service, const char *name);
