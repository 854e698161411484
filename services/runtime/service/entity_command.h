/* SPDX-License-Identifier: Apache-2.0 */
/* Entity commands: the standard methods that change a resource (AIP-133 to 135, 233), as handlers for rows of a method
 * table:
 *
 *   {.name = "CreateNote", .handler = entity_create, .resource = &notes},
 *
 * Each is idempotent by request_id (request_record.h), checks the field rules with all violations in one answer,
 * changes entity, indexes and event in one transaction, and puts `<brand>-position` into the trailing metadata. The
 * fields of a request are found by name (`request_id`, `update_mask`, `id`, `version`, and the resource by its type);
 * that it has them is checked at start. The loop's thread; all yield. */
#pragma once

#include "base/field_rules.h"
#include "service/entity_query.h"
#include "service/resource.h"
#include "service/service.h"

/* Create: the reply is the entity. */
rpc_handler entity_create;

/* BatchCreate: 1 to 1000 entities, all or nothing. */
rpc_handler entity_batch_create;

/* Update with mask, version and request_id. */
rpc_handler entity_update;

/* Delete. */
rpc_handler entity_delete;
