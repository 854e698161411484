/* SPDX-License-Identifier: Apache-2.0 */
/* Console: the page that shows the shop, at "/". Its files are those of the folder console/, which are part of the
 * executable. A browser runs nothing but them (Content-Security-Policy), and asks for them anew only when they have
 * changed (ETag). They tell nothing of the shop, so they need no token: the page asks its user for one. */
#pragma once

#include <stdbool.h>

#include "http/http_server.h"

/* Returns true if the path is "/" or that of a file of the console. */
bool console_is_path(const char *path);

/* Answers a request for such a path. */
void console_answer(struct http_request *request);
