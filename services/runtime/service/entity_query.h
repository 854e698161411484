/* SPDX-License-Identifier: Apache-2.0 */
/* Entity queries: the standard methods that read (AIP-131, 132, 158, 231), as handlers for rows of a method table whose
 * resource is described (resource.h). The fields of a request are found by name. The loop's thread; all yield. */
#pragma once

#include "loop/coroutine.h"
#include "service/resource.h"

/* Get by the request's `id`. */
rpc_handler entity_get;

/* BatchGet by the request's `ids` (1 to 1000, all or nothing). */
rpc_handler entity_batch_get;

/* List, in order of creation; resource.list_filter may narrow it down. */
rpc_handler entity_page_list;

/* --- for listings with a course of their own --- */

/* List over `index_key` (NULL means all); `filter` tells this listing from others of the method. */
coroutine_fn struct status entity_page_list_by(struct rpc_call *call, const void *request, const char *index_key,
                                               const char *filter, const void **ret_reply);

/* Checks the page_size of a list request: a negative one is refused. */
void check_page_size(struct violations *violations, int32_t page_size);
