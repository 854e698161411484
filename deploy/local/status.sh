#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Says what of the shop runs, serves and lags: a line for each part, and below them why a service does not serve.
#
#   status.sh
#
# Where each service has a Redis of its own (up.sh --redis per-service), each of these has a line, `redis` that of customer.
#
#   process running, stopped, DIED (it ended by itself), FROZEN (stopped by a signal), foreign (another's Redis)
#   health  what the service itself says (grpc.health.v1): SERVING, NOT_SERVING; for redis: whether it answers
#   lag     events that the service has not dealt with yet; - for a service that listens to none, and, where each has a
#           Redis or a slot of its own, for one that is stopped
#   dead    events that were dead-lettered because they can't be handled (Lists <service>_parked:<key>)
#   outbox  messages to other services that wait to be sent
#
# Which shop: ORDERSHOP_HOME, ORDERSHOP_PORT_BASE, ORDERSHOP_REDIS_PORT, as with up.sh.
# Exit status: 0 all parts run and serve; 1 not; 2 misuse.

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

declare -A health lag dead outbox

runs_awake() {
  local pid
  pid=$(part_pid "$1") && ! is_frozen "$pid"
}

# Of the services that run here, and of those that the user says are elsewhere. Whatever else answers at a port of this
# shop is another's, and is told below the table.
read_health() {
  local service state asked=()
  for service in "${services[@]}"; do
    health[$service]=UNREACHABLE
    if contains "$service" "${elsewhere[@]}" || runs_awake "$service"; then asked+=("$service"); fi
  done
  [ ${#asked[@]} -gt 0 ] || return 0
  while read -r service state _; do
    health[$service]=$state
  done < <(shop_health "${asked[@]}" 2>/dev/null || true)
}

# Ports of this shop that somebody else has taken.
print_strangers() {
  local part owner
  for part in "${lines[@]}"; do
    if [ "$part" = redis ] && ! redis_is_ours; then continue; fi
    if part_pid "$part" >/dev/null || contains "$part" "${elsewhere[@]}"; then continue; fi
    if owner=$(port_owner "$(part_port "$part")"); then
      say "port $(part_port "$part") of $part is taken by $owner, which is not of the shop in $home"
    fi
  done
}

# The event streams of this shop; the prefix taken literally.
list_streams() {
  local literal
  literal=$(key_prefix | sed 's/[][*?\\]/\\&/g')
  shop_redis_cli --scan --pattern "${literal}events:*"
}

# Unread and unacknowledged entries of each consumer group, summed up over all streams: "<group> <sum>" lines.
# An unknown lag (Redis can't always tell) makes the sum unknown.
list_group_lags() {
  list_streams | sed 's/.*/XINFO GROUPS "&"/' | shop_redis_cli |
    awk '$0 == "" { next } # a stream without groups
         { key = $0; getline }
         key == "name" { group = $0; sum[group] += 0 }
         key == "pending" { sum[group] += $0 }
         key == "lag" { if ($0 == "") unknown[group] = 1; else sum[group] += $0 }
         END { for (group in sum) print group, unknown[group] ? "?" : sum[group] }'
}

# Where consumers read other logs they have no groups there: they say themselves how far they are behind.
list_told_lags() {
  { as_client "$bin/ordershop" status "$@" 2>/dev/null || true; } | awk '$0 == "" { exit } NR > 1 { print $1, $6 }'
}

list_lags() {
  local service running=()
  if ! has_log_each; then
    list_group_lags
    return
  fi
  for service in "${services[@]}"; do
    if runs_awake "$service"; then running+=("$service"); else say "$service -"; fi
  done
  [ ${#running[@]} -eq 0 ] || list_told_lags "${running[@]}"
}

read_lags() {
  local group sum
  while read -r group sum; do
    lag[$group]=$sum
  done < <(list_lags)
}

# The lengths of the Lists named on standard input, summed up.
sum_lengths() {
  sed 's/.*/LLEN "&"/' | shop_redis_cli | awk '{ sum += $1 } END { print sum + 0 }'
}

read_set_aside() {
  local service
  for service in "${services[@]}"; do
    [[ -z ${lag[$service]:-} || ${read_by[$service]} == @(-|all) ]] || of_redis "$service" read_set_aside_of "$service"
  done
}

read_set_aside_of() { # read_set_aside_of SERVICE
  local prefix set_aside
  prefix=$(key_prefix)
  set_aside=$prefix${1}_parked
  dead[$1]=$(shop_redis_cli sunion "${set_aside}_keys" "${set_aside}_lists" </dev/null |
    sed "s/^/$set_aside:/" | sum_lengths)
  outbox[$1]=$(shop_redis_cli llen "$prefix${1}_outbox" </dev/null)
}

# A line for each Redis, if services have their own.
read_redis_health() {
  local part
  lines=()
  for part in "${parts[@]}"; do
    lines+=("$part")
    [ "$part" != redis ] || ! has_redis_each || mapfile -t -O ${#lines[@]} lines < <(redis_helpers)
  done
  for part in "${lines[@]}"; do
    is_redis_server "$part" || continue
    if of_redis "$(owner_of_part "$part")" one_redis_answers; then health[$part]=answers; else health[$part]=silent; fi
  done
}

print_line() {
  local width=10
  ! has_redis_each || width=15 # redis-inventory
  printf '%-*s %-8s %-6s %-8s %-12s %8s %7s %7s\n' $width "$@"
}

if contains --help "$@" || contains -h "$@"; then
  print_help
  exit 0
fi
[ $# -eq 0 ] || misuse "takes no arguments; see status.sh --help"
find_home || true
export_addresses
status=0 unready=()
health[gateway]=UNREACHABLE
if runs_awake gateway && gateway_health >/dev/null 2>&1; then health[gateway]=SERVING; fi
read_redis_health
if ! contains silent "${health[@]}"; then
  read_lags
  read_set_aside
fi
read_health

print_line part pid port process health lag dead outbox
for part in "${lines[@]}"; do
  process=running
  pid=$(part_pid "$part") || {
    pid=- process=stopped
    if [ "$part" = redis ] && ! redis_is_ours; then process=foreign; fi
    # a process that was stopped takes its pid file with it
    [ ! -e "$home/run/$part.pid" ] || process=DIED
  }
  if [ "$process" = running ] && is_frozen "$pid"; then process=FROZEN; fi
  [[ $process == running || $process == foreign ]] || status=1
  [[ ${health[$part]:-unknown} == @(SERVING|answers) ]] || status=1
  [ "${health[$part]:-}" != NOT_SERVING ] || unready+=("$part")
  print_line "$part" "$pid" "$(part_port "$part")" "$process" "${health[$part]:-unknown}" \
    "${lag[$part]:--}" "${dead[$part]:--}" "${outbox[$part]:--}"
done
print_strangers
[ ${#unready[@]} -eq 0 ] || explain_services "${unready[@]}"
! contains silent "${health[@]}" || explain_redis
exit $status
