#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The version of OrderShop is said once: programs, manual pages, packages and images have that of CMakeLists.txt, the
# changelog's newest one is the same, and no other file names it.

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
version=$(sed -n 's/^project(ordershop VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
build=$(dirname "$ORDERSHOP_BIN")

# By name, since the build's folders may hold what an earlier tree has made.
programs() { printf 'ordershop\n' && printf 'ordershop-%s\n' "${shop_services[@]}"; }
manual_pages() { echo ordershop.1 && basename -a -s .in client/man/*.in; }

every_program_says_it() {
  local program wrong=0
  while read -r program; do
    [ "$("$ORDERSHOP_BIN/$program" --version)" = "$program $version" ] || {
      say "$program: $("$ORDERSHOP_BIN/$program" --version)"
      wrong=1
    }
  done < <(programs)
  return "$wrong"
}

every_manual_page_says_it() {
  local page wrong=0
  while read -r page; do
    page=$build/client/made/$page
    if ! grep -q "^\.TH .*OrderShop ${version//./\\.}" "$page" || ! grep -qF 'Apache License, version 2.0' "$page"; then
      say "$page"
      wrong=1
    fi
  done < <(manual_pages)
  return "$wrong"
}

pkg_config_files_say_it() {
  local file
  for file in ordershop ordershop-client; do
    [ "$(PKG_CONFIG_PATH=$build pkg-config --modversion "$build/$file.pc")" = "$version" ] || { say "$file.pc" && return 1; }
  done
}

copies_agree() { deploy/set_version.sh --check; }

# On a copy of what the script writes: another version goes everywhere, and what is no version goes nowhere.
copies_follow() {
  local copy=$shop_folder/copy
  mkdir -p "$copy/deploy/docker" "$copy/deploy/kubernetes/components/release"
  cp CMakeLists.txt "$copy/"
  cp deploy/set_version.sh "$copy/deploy/"
  cp deploy/docker/.env "$copy/deploy/docker/"
  cp deploy/kubernetes/components/release/kustomization.yaml "$copy/deploy/kubernetes/components/release/"
  ends_with 2 'is no version' "$copy/deploy/set_version.sh" 1.2 && "$copy/deploy/set_version.sh" --check &&
    "$copy/deploy/set_version.sh" 98.76.54 && grep -rlF 98.76.54 "$copy" | wc -l | grep -x 3 &&
    sed -i 's/98.76.54/98.76.55/' "$copy/CMakeLists.txt" &&
    ends_with 1 "has version '98.76.54', CMakeLists.txt '98.76.55'" "$copy/deploy/set_version.sh" --check
}

newest_in_the_changelog() { sed -n 's/^## \[\([0-9.]*\)\].*/\1/p' CHANGELOG.md | sed -n 1p | grep -xF "$version"; }

# Numbers of that form in other files belong to something else: addresses, other software's versions. Nor does anybody ask
# CMake for a version, since the next one would be refused.
nobody_else_says_it() {
  ! git grep -nIwF "$version" -- ':!CMakeLists.txt' ':!deploy/docker/.env' \
    ':!deploy/kubernetes/components/release/kustomization.yaml' ':!CHANGELOG.md' &&
    ! git grep -nIE 'find_package\(OrderShop +[0-9]'
}

expect "every program says the version" every_program_says_it
expect "every manual page says it, and the license" every_manual_page_says_it
expect "pkg-config files say it" pkg_config_files_say_it
expect "compose and Kubernetes have the same" copies_agree
expect "set_version.sh writes it wherever it stands" copies_follow
expect "it is the newest version in the changelog" newest_in_the_changelog
expect "no other file names it" nobody_else_says_it
shop_done
