/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a TLS identity: own certificate and key, and the CA's certificates, in PEM; read again when they change.
 *
 * Two seconds after the files have changed, new connections use what they hold then. What is unfit (a key that is not
 * the certificate's because only one of the two has been exchanged yet, a file that is half written, expired or gone)
 * is not taken over: what was there before stays in use, and one line in the log says so if it lasts.
 *
 * Nothing watches the files by itself: the code that needs them looks (tls_files_version), which costs a look at the
 * clock and, every two seconds, three calls of stat. Threads: any. Lifetime: longer than all that uses it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "tls/certificate_check.h"

struct tls_files;

/* Reads and checks the files. `prefix` is that of the environment's variables which name them, for messages:
 * COUPON_TLS_CERTIFICATE_FILE. `paths` are copied, and NULL or empty where there is none; if all of them are,
 * *ret_files is NULL, which stands for plain text everywhere. `logs` says whether the log tells of what changes, is
 * unfit, or ends within a week, and metrics of when the own certificate ends. Errors: INVALID_ARGUMENT, one sentence
 * that names the file and what is wrong with it, or says which one is missing (CERTIFICATE_UNFIT). */
struct status tls_files_open(struct arena *arena, const char *prefix, const struct tls_texts *paths, bool logs,
                             struct tls_files **ret_files);
void tls_files_close(struct tls_files *files);

/* Returns whether certificates of others can be checked, which takes a file of CA's. */
bool tls_files_have_ca(const struct tls_files *files);

/* Looks at the files, and returns the number of what is in use: 1, and one more each time that it is exchanged. */
uint64_t tls_files_version(struct tls_files *files);

/* Copies what is in use into the arena, and returns its number. */
uint64_t tls_files_read(struct tls_files *files, struct arena *arena, struct tls_texts *ret_texts);
