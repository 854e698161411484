# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034 # some of the variables are for those who source this
# What up.sh, down.sh and status.sh share: the shop's parts, where they lie and listen, and what runs of them.
#
# Parts are `redis`, the services of deploy/services.txt, and `gateway`. State lies under ORDERSHOP_HOME: run/<part>.pid,
# log/<part>.log, redis/, mail/, event/. A process counts as the shop's part only if it bears the part's name and stands in this
# shop's folder: a pid file may be stale and its number somebody else's by now.
set -euo pipefail

local_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source_dir=$(cd "$local_dir/../.." && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../services.sh
. "$source_dir/deploy/services.sh"

redis_conf=$source_dir/deploy/redis/transactional.conf

say() { printf '%s\n' "$*"; }
fail() { # ends the script
  printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2
  exit 1
}
misuse() {
  printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2
  exit 2
}

# A service listens as far above the port base as the list has it above 50050: `ports` has the distances. `owners` are the
# services that own something, `owned` and `read_by` the entities that a service owns and reads.
services=() ports=() last_port=0 owners=()
declare -A owned read_by
read_services() {
  local list name port owns reads
  list=$(service_rows) || exit 1
  while read -r name port owns reads _; do
    services+=("$name")
    ports+=($((port - 50050)))
    owned[$name]=$owns read_by[$name]=$reads
    [ "$owns" = - ] || owners+=("$name")
    [ "${ports[-1]}" -lt "$last_port" ] || last_port=${ports[-1]}
  done <<<"$list"
  parts=(redis "${services[@]}" gateway)
}
read_services

# The comment at the top of the script is its help.
print_help() {
  sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
}

# --- What was asked for ---

contains() { # contains WORD LIST...
  local word=$1 other
  shift
  for other in "$@"; do
    [ "$other" != "$word" ] || return 0
  done
  return 1
}

# Puts the parts that are named, each once, in the order of `parts`, into `chosen`; all of them if none is named.
choose_parts() {
  local part
  for part in "$@"; do
    contains "$part" "${parts[@]}" || misuse "there is no service '$part'; there are: ${parts[*]}"
  done
  chosen=()
  for part in "${parts[@]}"; do
    if [ $# -eq 0 ] || contains "$part" "$@"; then chosen+=("$part"); fi
  done
}

# --- Where things lie and listen ---

read_port() { # read_port VARIABLE DEFAULT MAX
  local value=${!1:-$2}
  if ! [[ $value =~ ^[0-9]{1,5}$ ]] || [ "$((10#$value))" -lt 1 ] || [ "$((10#$value))" -gt "$3" ]; then
    misuse "$1 is '$value', but must be a number from 1 to $3"
  fi
  printf '%s' "$((10#$value))"
}

# Paths are taken from where the script was called: parts are started in folders of their own.
make_absolute() { # make_absolute VARIABLE...: exported ones, where they are set
  local variable
  for variable in "$@"; do
    [ -n "${!variable:-}" ] || continue
    [[ ${!variable} != *[[:cntrl:]]* ]] || misuse "$variable has a line break or another control character in it"
    [[ ${!variable} == /* ]] || export "$variable=$PWD/${!variable}"
  done
}

make_absolute ORDERSHOP_HOME ORDERSHOP_BUILD ORDERSHOP_BIN ORDERSHOP_REDIS_USERS ORDERSHOP_REDIS_PASSWORD_FILE \
  ORDERSHOP_REDIS_SENTINEL_PASSWORD_FILE ORDERSHOP_REDIS_TLS_CA_FILE ORDERSHOP_REDIS_TLS_CERTIFICATE_FILE \
  ORDERSHOP_REDIS_TLS_KEY_FILE ORDERSHOP_MAIL_FOLDER ORDERSHOP_EVENT_FOLDER \
  ORDERSHOP_ARCHIVE_FOLDER
[[ $source_dir != *[[:cntrl:]]* ]] || misuse "the source tree's folder has a line break in its name"
home=${ORDERSHOP_HOME:-$HOME/.local/state/ordershop}
[[ $home == /* ]] || misuse "neither ORDERSHOP_HOME nor HOME is set"
port_base=$(read_port ORDERSHOP_PORT_BASE 50050 $((65535 - last_port)))
redis_port=$(read_port ORDERSHOP_REDIS_PORT 6380 65535)
# A second shop has another port base, and so another place for its gateway.
default_gateway_port=5000
[ "$port_base" -eq 50050 ] || default_gateway_port=$port_base
gateway_port=$(read_port ORDERSHOP_GATEWAY_PORT "$default_gateway_port" 65535)
build_dir=${ORDERSHOP_BUILD:-$source_dir/build}
bin=${ORDERSHOP_BIN:-$build_dir/bin}

# shellcheck source-path=SCRIPTDIR source=redis_lib.sh
. "$local_dir/redis_lib.sh"
parse_redis_url

# Makes the folders; from here on `home` is the true path, which is what /proc shows.
make_home() {
  local folder
  (umask 077 && mkdir -p "$home") 2>/dev/null || fail "can't make the folder $home: set ORDERSHOP_HOME to one of yours"
  home=$(cd -- "$home" 2>/dev/null && pwd -P) || fail "can't look into the folder $home: set ORDERSHOP_HOME to one of yours"
  for folder in "$home/run" "$home/log" "$home/redis" "$home/mail" "$home/event" "$home/archive"; do
    if ! mkdir -p "$folder" 2>/dev/null || [ ! -w "$folder" ]; then
      fail "can't write to the folder $folder: make it writable, or set ORDERSHOP_HOME to a folder of yours"
    fi
  done
}

find_home() {
  if [ -d "$home" ] && [ ! -x "$home" ]; then fail "can't look into the folder $home, which is somebody else's"; fi
  [ -d "$home/run" ] || return 1
  home=$(cd -- "$home" && pwd -P)
}

# One script at a time works on a shop; the lock is not handed on to what it starts.
lock_home() {
  exec 9>"$home/run/lock"
  flock -n 9 && return
  say "Another up.sh or down.sh is at work on this shop; waiting for it ..."
  flock -w 600 9 || fail "the other one has not ended within 10 minutes"
}

part_port() {
  local i
  case $1 in
  redis) printf '%s' "$redis_port" && return ;;
  redis-replica | redis-2) printf '%s' $((redis_port + 1)) && return ;;
  redis-3) printf '%s' $((redis_port + 2)) && return ;;
  redis-*) owners_redis_port "${1#redis-}" && return ;;
  sentinel-*) printf '%s' $((redis_port + 1 + ${1#sentinel-})) && return ;;
  gateway) printf '%s' "$gateway_port" && return ;;
  esac
  for i in "${!services[@]}"; do
    [ "${services[i]}" != "$1" ] || printf '%s' "$((port_base + ports[i]))"
  done
}

is_redis_server() { [[ $1 == redis || $1 == redis-* ]]; }

# What a process of a part can be called.
part_commands() {
  case $1 in
  redis | redis-* | sentinel-*) printf 'redis-server valkey-server' ;;
  *) printf 'ordershop-%s' "$1" ;;
  esac
}

part_folder() {
  case $1 in
  redis | redis-* | sentinel-*) printf '%s' "$home/$1" ;;
  *) printf '%s' "$home" ;;
  esac
}

# shellcheck source-path=SCRIPTDIR source=tls.sh
. "$local_dir/tls.sh"

# --- What runs ---

# Is process $2 the part $1 of this shop?
is_part() {
  local name command
  { read -r name <"/proc/$2/comm"; } 2>/dev/null || return 1
  for command in $(part_commands "$1"); do
    # the kernel keeps 15 characters of a name
    [ "$name" != "${command:0:15}" ] || [ "$(readlink "/proc/$2/cwd" 2>/dev/null)" != "$(part_folder "$1")" ] || return 0
  done
  return 1
}

# Prints the process id of a part; fails if it does not run.
part_pid() {
  local pid
  { read -r pid <"$home/run/$1.pid"; } 2>/dev/null || return 1
  [[ $pid =~ ^[0-9]+$ ]] && is_part "$1" "$pid" && printf '%s' "$pid"
}

# Does something run beside `redis`?
helper_runs() {
  local helper
  for helper in $(redis_helpers); do
    ! part_pid "$helper" >/dev/null || return 0
  done
  return 1
}

# A process that a signal has stopped (SIGSTOP, Ctrl-Z) runs, and does nothing, not even end.
is_frozen() { # is_frozen PID
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null && [[ ${stat##*) } == T* ]]
}

# Prints who listens at a TCP port, as far as this user may know; fails if nobody does.
port_owner() {
  local hex inode fd pid
  hex=$(printf '%04X' "$1")
  inode=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v port=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { print $10; exit }')
  [ -n "$inode" ] || return 1
  fd=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" -print -quit 2>/dev/null || true)
  if [ -z "$fd" ]; then
    printf "another user's process"
    return
  fi
  pid=${fd#/proc/}
  pid=${pid%%/*}
  printf '%s (process %s)' "$(cat "/proc/$pid/comm" 2>/dev/null || echo a process)" "$pid"
}

# wait_until SECONDS COMMAND...: polls; fails when the time is over.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.05
  done
}

# Where each service is, for services and for the command line; what the user has set wins, and is listed in `elsewhere`.
elsewhere=()
export_addresses() {
  local service variable
  for service in "${services[@]}"; do
    variable=ORDERSHOP_${service^^}_ADDRESS
    if [ -n "${!variable:-}" ]; then
      elsewhere+=("$service")
    else
      export "$variable=127.0.0.1:$(part_port "$service")"
    fi
  done
}

# The variables of this run that say which shop is meant, as one pastes them before a command.
shop_settings() {
  local variable
  for variable in ORDERSHOP_HOME ORDERSHOP_PORT_BASE ORDERSHOP_GATEWAY_PORT ORDERSHOP_REDIS_PORT ORDERSHOP_REDIS_URL ORDERSHOP_REDIS_USERS \
    ORDERSHOP_REDIS_PASSWORD_FILE ORDERSHOP_REDIS_SENTINEL_USER ORDERSHOP_REDIS_SENTINEL_PASSWORD_FILE ORDERSHOP_KEY_PREFIX ORDERSHOP_BUILD ORDERSHOP_BIN; do
    [ -z "${!variable:-}" ] || printf '%s=%q ' "$variable" "${!variable}"
  done
}

# Does the gateway of this shop take requests? What it says if it doesn't goes to standard error.
gateway_health() {
  (
    unset ORDERSHOP_LISTEN
    ORDERSHOP_GATEWAY_PORT=$gateway_port exec "$bin/ordershop-gateway" --check-health
  )
}

# Runs a command that calls the shop, with the shop's TLS files where it has some.
as_client() {
  local files
  mapfile -t files < <(tls_variables client/local)
  # not env: it would take a command whose path has a "=" for a variable
  (
    [ ${#files[@]} -eq 0 ] || export "${files[@]}"
    exec "$@"
  )
}

# `ordershop health`: one line a service; fails unless all of them are SERVING. After export_addresses.
shop_health() {
  as_client "$bin/ordershop" health "$@"
}

# What `ordershop status` says of services that are not ready: why, and what to do. Nothing of those that are.
explain_services() { # explain_services SERVICE...
  { as_client "$bin/ordershop" status "$@" 2>/dev/null || true; } | sed '1,/^$/d'
}

# Tells a process to end; one that is frozen has to wake up for it.
terminate() { # terminate PID
  kill -TERM "$1" 2>/dev/null || true
  kill -CONT "$1" 2>/dev/null || true
}

# Stops parts, and with redis what runs beside it; says so. Servers of Redis end last: services need them until they have
# ended, and sentinels would fail over. Fails if one had to be killed.
stop_parts() {
  local part helpers=() servers=() others=() status=0
  ! contains redis "$@" || mapfile -t helpers < <(redis_helpers)
  for part in "${helpers[@]}" "$@"; do
    if is_redis_server "$part"; then servers+=("$part"); else others+=("$part"); fi
  done
  stop_at_once 40 "${others[@]}" || status=1
  stop_at_once 120 "${servers[@]}" || status=1
  return $status
}

stop_at_once() { # stop_at_once SECONDS PART...
  local part pid pids=() status=0
  for part in "${@:2}"; do
    if pid=$(part_pid "$part"); then
      terminate "$pid"
      pids+=("$part $pid")
    else
      rm -f "$home/run/$part.pid"
    fi
  done
  for part in "${pids[@]}"; do
    # shellcheck disable=SC2086 # name and process id
    await_end $part "$1" || status=1
  done
  return $status
}

part_has_ended() { ! is_part "$1" "$2"; }

await_end() { # await_end PART PID SECONDS
  if wait_until "$3" part_has_ended "$1" "$2"; then
    rm -f "$home/run/$1.pid"
    say "$1 has stopped"
    return 0
  fi
  kill -KILL "$2" 2>/dev/null || true
  wait_until 10 part_has_ended "$1" "$2" || true
  rm -f "$home/run/$1.pid"
  say "$1 did not stop within $3 seconds and was killed; see $home/log/$1.log"
  return 1
}
