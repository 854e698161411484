/* SPDX-License-Identifier: Apache-2.0 */
/* Mail folder: each mail becomes a file `<id>.eml` (RFC 5322, lines ending in LF), readable by its owner only.
 *
 * A file appears as a whole or not at all: it is written in the folder `.tmp` beside the mails and moved out of it.
 * All processes that share a mail folder must run as one user, to whom alone that folder is open. Delivering again
 * writes the same file again, so there is one file however often a mail is delivered; what a killed process left is
 * written over. Files are not synced to disk one by one: the mail's record in Redis is the truth, the folder a way to
 * see it. The files are written on other threads (loop/blocking.h), which give way where CPU is short; the loop's
 * coroutines yield meanwhile. */
#pragma once

#include "loop/coroutine.h"
#include "mail_delivery.h"
#include "mail_message.h"

struct mail_folder;

/* Makes the folder if it isn't there. Errors: INVALID_ARGUMENT (MAIL_FOLDER_UNWRITABLE). */
struct status mail_folder_open(struct arena *arena, const char *path, const struct mail_sender *from,
                               struct mail_folder **ret_folder);

/* As mail_deliver. */
coroutine_fn struct status mail_folder_deliver(struct mail_folder *folder, struct context *context,
                                               struct mail_parcel *parcels, size_t count);
