#!/usr/bin/env bash
# Are the blank characters in services/runtime/base/utf8.c those that Unicode's data has?
# Exit status: 0 yes; 1 no; 77 can't be told here, because perl is missing or has other data.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

table=services/runtime/base/utf8.c
skip() {
  echo "unicode_blank: skipped: $1"
  exit 77
}

command -v perl >/dev/null || skip "no perl on this machine"
perl -e 'use Unicode::UCD' 2>/dev/null || skip "perl has no Unicode::UCD (Debian package perl)"
version=$(gen/unicode_blank.pl --version)
grep -qF "Unicode ${version%.0}, by gen/unicode_blank.pl" "$table" || skip "this perl has Unicode $version"
diff <(grep -o '{0x[0-9A-F]*, 0x[0-9A-F]*}' "$table") <(gen/unicode_blank.pl)
echo "unicode_blank: $table has what Unicode $version has"
