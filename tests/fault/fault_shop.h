/* SPDX-License-Identifier: Apache-2.0 */
/* Fault shop: a private shop, and the calls that tests of faults make of it: one by one, in the background, many at
 * once.
 *
 * What can't be done ends the test (CU_ASSERT_*_FATAL). One thread, but for what ask_begin and ask_all do by
 * themselves. What functions return lives until fault_shop_close. */
#pragma once

#include <ordershop/v1/billing.pb-c.h>
#include <ordershop/v1/crm.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/inventory.pb-c.h>
#include <ordershop/v1/mail.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <ordershop/v1/product.pb-c.h>

#include "private_shop.h"
#include "suite.h"

extern struct private_shop *shop;
extern struct private_redis *redis; /* that the shop uses: a test that leads it to another one sets this, too */

/* The Redis in which a key lies (private_shop_redis_of). */
struct private_redis *redis_of(const char *key);

/* Such a key as it is there (private_shop_key). */
const char *key_of(const char *key);

extern struct arena *arena;
extern struct ordershop_client *client; /* tries again, and remembers positions */
extern struct ordershop_client *once;   /* makes one try */

/* `options` may be NULL. */
void fault_shop_open(const struct private_shop_options *options);
void fault_shop_close(void);

/* ---- calls ------------------------------------------------------------------------------------------------------ */

struct ordershop_answer ask(struct ordershop_client *by, enum ordershop_service service, const char *method,
                            const void *request);

/* The same with a deadline. */
struct ordershop_answer ask_within(struct ordershop_client *by, int64_t deadline_ms, enum ordershop_service service,
                                   const char *method, const void *request);

/* Whether the call's time was over, or so little of it was left that a peer, on a busy machine, did not answer within
 * it. */
bool ran_out_of_time(struct ordershop_answer answer);

/* A call of the List method of a shipped service, which needs Redis. */
struct ordershop_answer ask_for_a_list(struct ordershop_client *by, int64_t deadline_ms,
                                       enum ordershop_service service);

/* The message of a call by `client` that must be OK. */
const void *must(enum ordershop_service service, const char *method, const void *request);

/* The code, and the reason of the ErrorInfo. */
void assert_refused(struct ordershop_answer answer, enum status_code code, const char *reason);

/* A call in a thread of its own. */
struct asking;
struct asking *ask_begin(struct ordershop_client *by, enum ordershop_service service, const char *method,
                         const void *request);
struct ordershop_answer ask_end(struct asking *asking);

/* Calls that begin at the same moment, each in a thread of its own. */
struct ordershop_answer *ask_all(struct ordershop_client *by, enum ordershop_service service, const char *method,
                                 const void *const *requests, size_t count);

/* How many were OK. */
size_t count_ok(const struct ordershop_answer *answers, size_t count);

/* private_shop_start_service, and waits until `once` has found the new process: it makes no second try. */
void start_service(enum ordershop_service service);

/* What grpc.health.v1 says about `name` ("", a service's name, "liveness"): SERVING? */
bool health_says(enum ordershop_service service, const char *name);

/* Why the service is not ready, or what is to be said of one that is; "" if there is nothing, or it does not answer. */
const char *reason_told_by(enum ordershop_service service);

/* Accepts what a service misses of the log, as `ordershop log accept` does. Returns the log time up to which that was;
 * 0 if it misses nothing, or does not answer. */
int64_t accept_what_is_lost(enum ordershop_service service);

/* How many lines of the logs of all services that own something contain `text`. */
int all_log_lines(const char *text);

/* Whether there come to be so many, of a service or of all, and not more: a service's health or status may tell before
 * its log does. */
bool log_lines_become(enum ordershop_service service, const char *text, int count);
bool all_log_lines_become(const char *text, int count);

/* ---- waiting ---------------------------------------------------------------------------------------------------- */

/* Polls until it holds, as long as a test is patient. */
bool eventually(bool (*holds)(const void *argument), const void *argument);

/* Until all services are SERVING, or all are not. */
bool become_serving(bool wanted);

/* Until nothing is left to do about what has been done so far: consumers have handled all, mails are delivered. */
void let_everything_follow(void);

/* Until a number that Redis answers is `wanted`: eventually_number(3, "XLEN %s", key), with the key as in redis_of. */
bool eventually_number(int64_t wanted, const char *format, const char *key);

/* ---- things ----------------------------------------------------------------------------------------------------- */

const char *new_id(void);
const Ordershop__V1__Customer *new_customer(void);
const Ordershop__V1__Product *new_product(int64_t price_cents);
void new_stock(const char *product_id, int64_t amount);
const Ordershop__V1__Product *new_stocked_product(int64_t amount); /* at 100 cents */
const Ordershop__V1__Order *new_order(const char *customer_id, const char *product_id, size_t quantity);

/* Requests; without a request_id (NULL) the client makes one. */
const Ordershop__V1__CreateCustomerRequest *customer_request(const char *name, const char *request_id);
const Ordershop__V1__CreateOrderRequest *order_request(const char *customer_id, const char *product_id, size_t quantity,
                                                       const char *request_id);
const Ordershop__V1__UpdateOrderRequest *update_request(const char *order_id, const char *product_id, size_t quantity);
const Ordershop__V1__DeleteOrderRequest *cancel_request(const char *order_id);
const Ordershop__V1__GetOrderRequest *get_order_request(const char *order_id);
const Ordershop__V1__CreateBillingRequest *billing_request(const char *order_id, const char *request_id);

/* One mail to the customer has been recorded. */
bool has_mail(const void *customer);

/* How many mails the events so far ask for: each one its own, and none twice. */
int64_t mails_asked_for(void);

/* Each of these is recorded once, and delivered in time. */
bool each_mail_is_sent_once(void);

/* Each mail that is recorded is delivered in time, whatever there should be. */
bool each_recorded_mail_is_sent(void);

/* ---- stock ------------------------------------------------------------------------------------------------------ */

/* A product's stock as the inventory service tells it. */
bool stock_is(const char *product_id, int64_t amount, int64_t reserved);
bool stock_becomes(const char *product_id, int64_t amount, int64_t reserved);

/* No attempt to order is open: nothing is left that could still expire and move stock. */
bool attempts_end(void);
