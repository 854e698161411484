#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The license is said wherever somebody looks for it: in each source file, in its first line or below the line that names
# the program that runs it, and by packages and images.

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

. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"

cd -- "$ORDERSHOP_SOURCE"
readonly identifier='SPDX-License-Identifier: Apache-2.0'

find_files() {
  git ls-files 2>/dev/null || find . -path './build*' -prune -o -type f -printf '%P\n'
}

# comment_of FILE FIRST_LINE: how a source file of that kind says it; nothing for what is no source
comment_of() {
  case $1 in
  gen/*.pb-c.[ch]) ;; # generated
  *.[ch] | *.css) echo "/* $identifier */" ;;
  *.lua) echo "-- $identifier" ;;
  *.proto | *.js | *.mjs) echo "// $identifier" ;;
  *.html | *.svg) echo "<!-- $identifier -->" ;;
  *.sh | *.py | *.pl | *.cmake | CMakeLists.txt | */CMakeLists.txt | */Makefile | */Dockerfile) echo "# $identifier" ;;
  *) [[ $2 != '#!'* ]] || echo "# $identifier" ;;
  esac
}

every_source_file_says_it() {
  local file first second comment wrong=0 count=0
  while IFS= read -r file; do
    [ -f "$file" ] || continue
    { IFS= read -r first && IFS= read -r second; } <"$file" || true
    comment=$(comment_of "$file" "$first")
    [ -n "$comment" ] || continue
    count=$((count + 1))
    case $first in '#!'* | '# shellcheck shell='*) first=$second ;; esac
    [ "$first" = "$comment" ] || {
      say "$file: '$comment' is not where it belongs"
      wrong=1
    }
  done < <(find_files) 2>/dev/null # a null byte in a binary file
  say "$count source files"
  [ "$wrong" -eq 0 ] && [ "$count" -gt 500 ]
}

says() { # says FILE TEXT
  grep -qF -- "$2" "$1" || { say "$1 does not say $2" && return 1; }
}

license_and_packages_say_it() {
  says LICENSE "$identifier" && says LICENSE https://www.apache.org/licenses/LICENSE-2.0 &&
    says deploy/debian/copyright 'License: Apache-2.0' &&
    says deploy/debian/copyright /usr/share/common-licenses/Apache-2.0
}

every_image_says_it() {
  [ "$(grep -c 'image.version=' deploy/docker/Dockerfile)" -eq "$(grep -c '^COPY deploy/debian/copyright' deploy/docker/Dockerfile)" ] || return 1
  [ "$(grep -c 'image.version=' deploy/docker/Dockerfile)" -eq "$(grep -c 'image.licenses="Apache-2.0' deploy/docker/Dockerfile)" ]
}

expect "every source file says the license" every_source_file_says_it
expect "LICENSE and the packages' copyright file say it" license_and_packages_say_it
expect "every image has the copyright file, and labels that say it" every_image_says_it
shop_done
