/* SPDX-License-Identifier: Apache-2.0 */
#include "base/email.h"

#include <ctype.h>
#include <string.h>

enum {
  EMAIL_MAX = 254,  /* RFC 5321, erratum 1690 */
  LOCAL_MAX = 64,   /* RFC 5321, 4.5.3.1.1 */
  LABEL_MAX = 63,   /* RFC 1035, 2.3.4 */
  DOMAIN_MAX = 253, /* RFC 1035, 2.3.4: 255 bytes with the first length and the root */
};

/* RFC 5321: Atom, without the characters that mail programs take for syntax. */
static bool is_atom_character(char c) {
  return isalnum((unsigned char)c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Dot-string: atoms with single dots between them. */
static bool is_local_part(const char *local, size_t size) {
  if (size == 0 || size > LOCAL_MAX) return false;
  bool atom = false; /* inside one */
  for (size_t i = 0; i < size; i++) {
    if (local[i] == '.' ? !atom : !is_atom_character(local[i])) return false;
    atom = local[i] != '.';
  }
  return atom;
}

static bool is_label(const char *label, size_t size) {
  if (size == 0 || size > LABEL_MAX) return false;
  if (label[0] == '-' || label[size - 1] == '-') return false;
  for (size_t i = 0; i < size; i++) {
    if (!isalnum((unsigned char)label[i]) && label[i] != '-') return false;
  }
  return true;
}

bool domain_is_valid(const char *domain) {
  if (strlen(domain) > DOMAIN_MAX) return false;
  while (true) {
    size_t size = strcspn(domain, ".");
    if (!is_label(domain, size)) return false;
    if (domain[size] == '\0') return true;
    domain += size + 1;
  }
}

void check_email(struct violations *violations, const char *field, const char *value) {
  if (!value) value = "";
  size_t size = strlen(value);
  if (size > EMAIL_MAX) {
    violation_add(violations, field, "must have at most %d characters, not %zu", EMAIL_MAX, size);
    return;
  }
  const char *at = strchr(value, '@');
  if (!at || !is_local_part(value, (size_t)(at - value)) || !domain_is_valid(at + 1)) {
    violation_add(violations, field, "must be an e-mail address of the form local@domain, in ASCII");
  }
}

const char *email_canonical(struct arena *arena, const char *address) {
  char *canonical = arena_strdup(arena, address);
  for (char *at = strchr(canonical, '@'); at && *at; at++) {
    if (*at >= 'A' && *at <= 'Z') *at = (char)(*at - 'A' + 'a');
  }
  return canonical;
}
