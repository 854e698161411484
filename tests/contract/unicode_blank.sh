#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Are the blank characters in services/runtime/base/utf8.c those that Unicode's data has?
# Exit status: 0 yes; 1 no; 77 can't be told here, because perl is missing or has other data.

# --- As in all scripts: what the caller's shell was told, or lacks, changes nothing here -----------------------------
[[ $- == *p* && -z ${POSIXLY_CORRECT+set} ]] || exec env -u POSIXLY_CORRECT bash -p -- "$0" "$@"
unset CDPATH BASH_ENV GLOBIGNORE
export -n SHELLOPTS BASHOPTS
export LC_ALL=C.UTF-8 HOME=${HOME:-~}
[[ ${TMPDIR:-/} == /* ]] || export TMPDIR=$PWD/$TMPDIR
[ -e /dev/fd/0 ] || exec </dev/null
[ -e /dev/fd/1 ] || exec >/dev/null
[ -e /dev/fd/2 ] || exec 2>/dev/null
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

table=services/runtime/base/utf8.c
skip() {
  echo "unicode_blank: skipped: $1"
  exit 77
}

command -v perl >/dev/null || skip "no perl on this machine"
perl -e 'use Unicode::UCD' 2>/dev/null || skip "perl has no Unicode::UCD (Debian package perl)"
version=$(gen/unicode_blank.pl --version)
grep -qF "Unicode ${version%.0}, by gen/unicode_blank.pl" "$table" || skip "not applicable: this perl has Unicode $version"
diff <(grep -o '{0x[0-9A-F]*, 0x[0-9A-F]*}' "$table") <(gen/unicode_blank.pl)
echo "unicode_blank: $table has what Unicode $version has"
