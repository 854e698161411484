/* SPDX-License-Identifier: Apache-2.0 */
/* Order lookup: what an order needs to know of customers and products: from the service's views, or, where they don't
 * have it yet, from the owner. What an owner answers is used once and not stored: only events keep views.
 *
 * In three steps, so that the questions travel to Redis together with others: send, receive (always), complete. */
#pragma once

#include <ordershop/v1/product.pb-c.h>

#include "loop/coroutine.h"
#include "order_items.h"
#include "rpc/rpc_server.h"
#include "store/view.h"

struct order_lookup {
  struct rpc_call *call;
  const char *customer_id;           /* NULL if none is asked for */
  struct product_list list;          /* the products that are asked for */
  void *customer;                    /* a Customer; NULL if the view does not have it */
  Ordershop__V1__Product **products; /* in the order of the list; NULL where the view does not have it */
  struct view_question customer_question, product_question;
};

/* Sends the questions; the lookup must live until they are received. */
void order_lookup_send(struct order_lookup *lookup, struct rpc_call *call, const char *customer_id,
                       const struct product_list *list);

/* Receives what the views have. */
coroutine_fn struct status order_lookup_receive(struct order_lookup *lookup);

/* Asks the owners for what is missing; afterwards all of it is there. Errors: NOT_FOUND (CUSTOMER_NOT_FOUND,
 * PRODUCT_NOT_FOUND), UNAVAILABLE. */
coroutine_fn struct status order_lookup_complete(struct order_lookup *lookup);
