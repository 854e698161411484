#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The list of services (deploy/services.txt): what is wrong in it is said, and nobody else keeps one of its own.

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

# finds PATTERN ROW: the list with that row more is refused, with the line's number
finds() {
  local lines
  { cat deploy/services.txt && printf '%s\n' "$2"; } >"$shop_folder/list.txt"
  lines=$(wc -l <"$shop_folder/list.txt")
  ends_with 1 "list.txt: line $lines: .*$1" service_rows "$shop_folder/list.txt" && [ -z "$(service_rows "$shop_folder/list.txt" 2>/dev/null)" ]
}

takes() { # takes ROW
  { cat deploy/services.txt && printf '%s\n' "$1"; } >"$shop_folder/list.txt"
  service_rows "$shop_folder/list.txt"
}

takes_from_outside() { # takes_from_outside ROW
  printf '%s\n' "$1" >"$shop_folder/outside.txt"
  service_rows deploy/services.txt "$shop_folder/outside.txt"
}

# Four names of services or more in one line of a program are a list, and so is a line for each service.
lists_besides() {
  local name names count file
  names=$(service_names | paste -sd '|')
  git grep -nE "\\b($names)\\b([^a-zA-Z]+($names)\\b){3,}" -- 'cmake' '*CMakeLists.txt' 'deploy/**.sh' 'deploy/**.in' 'client/*.[ch]' 'tests/lib' \
    'tests/run.sh' 'tests/kubernetes.sh'
  while read -r file; do
    count=0
    for name in ${names//|/ }; do
      ! grep -qE "\\b$name\\b" "$file" || count=$((count + 1))
    done
    [ "$count" -lt 7 ] || say "$file names all services"
  done < <(git ls-files 'cmake/*' 'deploy/local/*.sh' 'deploy/redis/*.sh' 'deploy/redis/users.acl' 'deploy/tls/*.sh' 'deploy/systemd/**')
}

lists_are_one() {
  local found
  found=$(lists_besides || true)
  say "$found"
  [ -z "$found" ]
}

# What service_files.sh makes of the list for the shop itself is checked in.
files_are_current() {
  cp -r deploy "$shop_folder/deploy"
  "$shop_folder/deploy/service_files.sh" shop && diff -r deploy "$shop_folder/deploy"
}

# Another port in the list is another one in every file; a service more, of one's own, is in none of them.
files_follow_the_list() {
  local deploy=$shop_folder/moved file
  cp -r deploy "$deploy"
  sed -i 's/^order \( *\)50054/order \150154/' "$deploy/services.txt"
  echo 'guestbook 50190 guestbook order order keeps notes' >>"$deploy/services.txt"
  "$deploy/service_files.sh" shop || return 1
  for file in docker/compose.yaml docker/Dockerfile kubernetes/base/order.yaml kubernetes/base/shop.env; do
    grep -q 50154 "$deploy/$file" || return 1
  done
  ! grep -r '50054\|guestbook' "$deploy/docker" "$deploy/kubernetes/base"
}

wrong_list_changes_no_file() {
  local deploy=$shop_folder/wrong
  cp -r deploy "$deploy"
  echo 'guestbook 50051 guestbook - -' >>"$deploy/services.txt"
  ends_with 1 'port 50051 is that of customer' "$deploy/service_files.sh" shop && diff -r -x services.txt deploy "$deploy"
}

expect "the shipped list is right" service_rows
expect "the shop's files for compose, images and Kubernetes are what is made of it" files_are_current
expect "they follow it" files_follow_the_list
expect "a wrong list changes none of them" wrong_list_changes_no_file
expect "a service more is taken" takes 'guestbook 50190 guestbook,comment order,customer mail keeps notes'
expect "one from outside the tree needs no port" takes_from_outside 'guestbook - guestbook - -'
expect "or has one that the tree's can't have" takes_from_outside 'guestbook 7000 guestbook - -'
expect "a service of the tree without a port is refused" finds '"-" is no port from 50051 to 50199' 'guestbook - guestbook - -'
expect "a port that up.sh has no place for is refused" finds '"50200" is no port from 50051 to 50199' 'guestbook 50200 guestbook - -'
expect "so is one below the shop's" finds '"50050" is no port from 50051 to 50199' 'guestbook 50050 guestbook - -'
expect "a name with a capital is refused" finds '"Guestbook" is no name' 'Guestbook 50190 guestbook - - x'
expect "a name with a dash is refused" finds '"my-guestbook" is no name' 'my-guestbook 50190 guestbook - - x'
expect "a name that Redis' users have is refused" finds '"operator" means something else' 'operator 50190 - - - x'
expect "the name of what containers keep users in is refused" finds '"users" means something else' 'users 50190 - - - x'
expect "the beginning of the log's own keys is refused" finds 'could write the clock of the log, ordershop_clock' 'ordershop 50190 - - - x'
expect "a port that is none is refused" finds '"65536" is no port' 'guestbook 65536 guestbook - - x'
expect "a port that is taken is refused" finds 'port 50051 is that of customer' 'guestbook 50051 guestbook - - x'
expect "a service that is there is refused" finds 'the service mail stands here twice' 'mail 50190 - - - x'
expect "entities that are none are refused" finds '"guestbook,,x" is no list of entities' 'guestbook 50190 guestbook,,x - - x'
expect "another service's entity is refused" finds 'would share keys' 'guestbook 50190 mail - - x'
expect "an entity whose keys begin as another's is refused" finds 'would share keys' 'guestbook 50190 order_line - - x'
expect "streams that nobody writes are refused" finds 'there is no entity "oder"' 'guestbook 50190 guestbook oder - x'
expect "a peer that is not there is refused" finds 'there is no service "post"' 'guestbook 50190 guestbook - post x'
expect "a row that is too short is refused" finds 'there are not five columns' 'guestbook 50190'
expect "programs read it instead of keeping lists of their own" lists_are_one
shop_done
