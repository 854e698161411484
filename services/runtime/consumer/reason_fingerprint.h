/* SPDX-License-Identifier: Apache-2.0 */
/* Fingerprint of a reason: the same for reasons of one kind, by which dead letters are grouped. Any thread. */
#pragma once

enum { FINGERPRINT_SIZE = 17 }; /* 16 hexadecimal digits, and a NUL */

/* Writes the fingerprint of a reason. What is in quotes, and each word that has a digit or an @ (ids, numbers,
 * addresses), makes no difference. It is the same in every version and on every machine, so that it may be kept. */
void reason_fingerprint(const char *reason, char ret_fingerprint[static FINGERPRINT_SIZE]);
