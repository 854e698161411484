/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAPI 3.1 of all resources (https://spec.openapis.org/oas/v3.1.0), from descriptors and the protos' comments. */
#pragma once

#include "contract.h"

/* Returns the document as text of JSON in the arena, which is the contract's. Loop's stack, or before there is a loop.
 */
const char *openapi_document(struct arena *arena, const struct contract *contract);
