/* SPDX-License-Identifier: Apache-2.0 */
/* Searches the types of entities that are not known yet, by asking the services for theirs. One thread, which it
 * blocks. */
#pragma once

#include "client/ordershop_client.h"
#include "message/entity_types.h"

struct type_search;

/* `types` are those that are known, to which it adds. Free the result with type_search_free. */
struct type_search *type_search_new(struct ordershop_client *client, struct entity_types *types);
void type_search_free(struct type_search *search);

/* Adds the types that lie beside the log, which the event service tells within a second; otherwise they are looked for
 * again when one is missing. */
void type_search_take_stored(struct type_search *search);

/* As entity_types_find, but asks for a type that is not known: the event service for what lies beside the log, then the
 * client's services, those of the user's own first, each for a second at most. One that could not be asked is left
 * alone for ten seconds, and so is an entity that nobody has. *ret_problem is why a service of the user's own could not
 * be asked, if it was asked just now and that was not said before; otherwise NULL. It lives as long as the search. */
const ProtobufCMessageDescriptor *type_search_find(struct type_search *search, const char *entity,
                                                   const char **ret_problem);
