/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask what: looks at a request before its body is read. */
#pragma once

#include "gateway.h"

/* Answers what goes no further: the name by which the gateway is called is none of its own (421), which stops pages
 * that have a name of theirs lead here (DNS rebinding); the token is missing or wrong (401); or it is what a browser
 * asks before it lets a page call (CORS). Origins that are configured get the headers that let their pages read the
 * answer. */
void gatekeeper_admit(const struct gateway *gateway, struct http_request *request);
