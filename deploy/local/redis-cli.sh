#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# redis-cli with the local shop's Redis, as user operator, who may read and watch everything and write nothing.
#
#   redis-cli.sh [--as USER] [--service NAME] [ARGUMENT...]
#
#   --as USER       as another user of deploy/redis/users.acl: a service, to repair keys of its own (positions)
#   --service NAME  where each service has a Redis of its own (up.sh --redis per-service), whose is meant; without it, the one
#                   of the service that USER is. In a cluster, at the master of its keys; without it, at that of the keys named
#
#   redis-cli.sh XRANGE events:order_created - + COUNT 1
#   redis-cli.sh --as crm HGETALL crm_position
#
# Which shop: ORDERSHOP_HOME, ORDERSHOP_REDIS_PORT or ORDERSHOP_REDIS_URL, as with up.sh.
# Exit status: redis-cli's; 1 there is no such user; 2 misuse.

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

# shellcheck source-path=SCRIPTDIR source=lib.sh
. -- "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

user=operator owner=''
while [ $# -gt 0 ]; do
  case $1 in
  -h | --help)
    print_help
    exit 0
    ;;
  --as)
    [ $# -ge 2 ] || misuse "--as needs a user; see redis-cli.sh --help"
    user=$2
    ;;
  --service)
    contains "${2:-}" "${owners[@]}" || misuse "--service needs one of: ${owners[*]}"
    owner=$2
    ;;
  *) break ;;
  esac
  shift 2
done
find_home || ! redis_is_ours || fail "there is no shop in $home: start it with up.sh, or set ORDERSHOP_HOME"
if has_redis_each && [ -z "$owner" ]; then
  contains "$user" "${owners[@]}" || misuse "each service has a Redis of its own here: --service NAME says which, of ${owners[*]}"
  owner=$user
fi
ask_as() {
  local file
  file=$(redis_password_file_of "$user")
  [ -z "$file" ] || [ -r "$file" ] || fail "can't read $file: there is no user '$user' here, or it is not for you"
  if has_prefix_each && [ -z "$owner" ]; then set -- -c "$@"; fi
  redis_cli_as "$user" "$@"
}
of_redis "$owner" ask_as "$@"
