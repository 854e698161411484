#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Starts the shop on this machine: all of it, or the named parts only.
#
#   up.sh [--no-install] [--no-demo] [--redis single|sentinel|cluster|per-service] [redis|SERVICE|gateway ...]
#
# Installs missing Debian packages (as root or with sudo; --no-install: doesn't), builds, starts a private Redis, the
# services and the gateway, waits until all that was named is SERVING, plays the demo the first time (--no-demo: doesn't,
# so the shop is empty), and says what to try. What runs
# already is left as it is, so a second run is harmless; but what runs from another build, is stopped by a signal, or is
# not ready though Redis answers, is started anew, and said why. If a part can't start, what this run started is stopped
# again.
#
# --redis sentinel: Redis gets a replica and three sentinels, which make it the master when the present one is gone; cluster:
# of three masters, for a shop that is new, over which the services spread, each with a hash tag of its own (one that
# ORDERSHOP_KEY_PREFIX names is that of all); per-service: each service that owns something has a Redis of its own, likewise;
# single: one Redis. (default: as the shop was last)
#
#   ORDERSHOP_HOME        where the state lies: run/ log/ redis/ mail/ event/ (default ~/.local/state/ordershop)
#   ORDERSHOP_PORT_BASE   the services listen at this + 1 ... 7, one of your own beyond, on loopback   (default 50050)
#   ORDERSHOP_GATEWAY_PORT  where the gateway listens, on loopback   (default 5000; with another port base, that itself)
#   ORDERSHOP_REDIS_PORT  the private Redis   (default 6380); with --redis sentinel also the four ports behind it, with
#                         cluster the five, with per-service the six
#   ORDERSHOP_REDIS_URL   a Redis of your own to use instead; then none is started. ORDERSHOP_REDIS_PASSWORD_FILE: with this
#                         password; or ORDERSHOP_REDIS_USERS: each service as its own user, by the password files in this
#                         folder, which deploy/redis/make_users.sh has made
#   ORDERSHOP_BUILD       the build folder   (default build/ in the source tree)
#   ORDERSHOP_BIN         a folder of executables to use instead of building
#   ORDERSHOP_TLS         mutual: services and clients show certificates, made in tls/; off: plain text again
#                         (default: as the shop was last)
#
# Other ORDERSHOP_ variables go to the services as they are: see `ordershop-customer --help`.
# Exit status: 0 all that was named is SERVING; 1 not, and said why; 2 misuse.

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
# shellcheck source-path=SCRIPTDIR source=packages.sh
. "$local_dir/packages.sh"

# How long a start may take. Loading the log of a large shop has its own limit.
readonly serving_seconds=60 loading_seconds=600

started=()
declare -A log_begins # where in its log the present start of a part begins
scratch=

end_run() {
  local status=$?
  trap - EXIT INT TERM HUP
  [ -z "$scratch" ] || rm -f "$scratch"
  if [ $status -ne 0 ] && [ ${#started[@]} -gt 0 ]; then
    say "Stopping what this run has started: ${started[*]}" >&2
    stop_parts "${started[@]}" >&2 || true
    for part in "${started[@]}"; do rm -f "$home/run/$part.pid"; done
  fi
  exit $status
}

# --- Build ---

build_shop() {
  [ -z "${ORDERSHOP_BIN:-}" ] || return 0
  if ! mkdir -p "$build_dir" 2>/dev/null || [ ! -w "$build_dir" ]; then
    fail "can't write to $build_dir: set ORDERSHOP_BUILD to a folder of yours"
  fi
  exec 8>"$build_dir/.lock"
  flock 8
  if [ ! -x "$bin/ordershop" ]; then say "Building (some minutes the first time) ..."; fi
  if ! run_build >"$build_dir/build.log" 2>&1; then
    tail -n 40 "$build_dir/build.log" | cut -c 1-300 >&2
    fail "the build failed; all of it is in $build_dir/build.log"
  fi
  exec 8>&-
}

run_build() {
  if [ ! -f "$build_dir/build.ninja" ]; then
    cmake -S "$source_dir" -B "$build_dir" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo || return 1
  fi
  cmake --build "$build_dir" --parallel "$(nproc)"
}

check_executables() {
  local program
  local programs=(ordershop "${wanted_services[@]/#/ordershop-}")
  ! contains gateway "${chosen[@]}" || programs+=(ordershop-gateway)
  for program in "${programs[@]}"; do
    [ -x "$bin/$program" ] || fail "there is no $program in $bin: set ORDERSHOP_BIN to the folder of the executables, or unset it"
  done
}

# --- Start ---

processes_of() { # processes_of PART...: with what runs beside redis
  printf '%s\n' "$@"
  ! contains redis "$@" || redis_helpers
}

check_ports() {
  local part owner
  if redis_is_ours && [ "$redis_port" -gt "$port_base" ] && [ "$redis_port" -le $((port_base + last_port)) ]; then
    fail "ORDERSHOP_REDIS_PORT=$redis_port is one of the services' ports, $((port_base + 1)) to" \
      "$((port_base + last_port)): choose another, or another ORDERSHOP_PORT_BASE"
  fi
  for part in $(processes_of "$@"); do
    if ! part_pid "$part" >/dev/null && owner=$(port_owner "$(part_port "$part")"); then
      fail "port $(part_port "$part"), which $part needs, is taken by $owner: stop that," \
        "or choose other ports with ORDERSHOP_PORT_BASE, ORDERSHOP_REDIS_PORT and ORDERSHOP_GATEWAY_PORT"
    fi
  done
}

# Runs a command as a part, in a session of its own so that it outlives the terminal; with this call's standard input.
launch() { # launch PART [VARIABLE=VALUE...] -- COMMAND...
  local part=$1
  shift
  log_begins[$part]=$(stat -c %s "$home/log/$part.log" 2>/dev/null || echo 0)
  (
    cd "$(part_folder "$part")" || exit
    # this script's own
    unset ORDERSHOP_HOME ORDERSHOP_PORT_BASE ORDERSHOP_REDIS_PORT ORDERSHOP_BUILD ORDERSHOP_BIN ORDERSHOP_REDIS_USERS \
      ORDERSHOP_TLS
    until [ "$1" = -- ]; do
      export "${1?}"
      shift
    done
    shift
    exec setsid "$@" >>"$home/log/$part.log" 2>&1 8>&- 9>&-
  ) <&0 & # without the <&0 it would be /dev/null
  started+=("$part")
  printf '%s\n' $! >"$home/run/$part.pid"
  # Until then the process is still this shell, and nobody would know it for the part.
  wait_until 5 has_become "$part" $! || give_up_on "$part"
}

has_become() { is_part "$1" "$2" || [ ! -e "/proc/$2/exe" ]; }

give_up_on() {
  say "The end of $home/log/$1.log:" >&2
  tail -c "+$((${log_begins[$1]:-0} + 1))" "$home/log/$1.log" | tail -n 15 | sed 's/^/  /' >&2
  fail "$1 ${2:-has ended right after its start}"
}

# The shipped configuration and what belongs to this place, made anew at each start. One file, which Redis reads as its
# standard input: in the name of a file that is included, or is given as an argument, it takes *, ? and [ for a pattern,
# and where nothing is like that it starts without, and says nothing. For its owner alone, since `masterauth` is in it.
write_redis_conf() { # write_redis_conf PART
  local folder
  folder=$(part_folder "$1")
  rm -f -- "$folder/redis.conf"
  (umask 077 && print_redis_conf "$1" >"$folder/redis.conf")
}

print_redis_conf() { # print_redis_conf PART
  local port redis_owner
  port=$(part_port "$1")
  redis_owner=$(owner_of_part "$1")
  cat -- "$redis_conf"
  [ ! -e "$(redis_users)/replication.conf" ] || cat -- "$(redis_users)/replication.conf"
  printf '\nbind 127.0.0.1\nport %s\n' "$port"
  printf 'dir "%s"\n' "$(redis_quoted "$(part_folder "$1")")"
  printf 'aclfile "%s"\n' "$(redis_quoted "$(redis_users)/users.acl")"
  case $(redis_arrangement) in
  sentinel) print_replication "$port" ;;
  cluster)
    printf 'cluster-enabled yes\ncluster-port %s\ncluster-node-timeout 2000\ncluster-announce-ip 127.0.0.1\n' "$(bus_port "$1")"
    printf 'cluster-require-full-coverage no\n' # without one master, services of the others go on
    ;;
  esac
}

bus_port() { printf '%s' $(($(part_port "$1") + 3)); }

print_replication() { # print_replication PORT
  local port=$1 master
  printf 'replica-serve-stale-data no\nrepl-diskless-sync-delay 0\n'
  master=$(last_master_port)
  [ "$port" = "$master" ] || printf 'replicaof 127.0.0.1 %s\n' "$master"
}

# It writes what it learns into its file, so that is made once; but for the password, which may be another by now.
write_sentinel_conf() { # write_sentinel_conf PART
  local file password
  file=$(part_folder "$1")/sentinel.conf
  password=$(cat "$(redis_users)/sentinel.password")
  if [ ! -e "$file" ]; then
    (umask 077 && printf '%s\n' 'bind 127.0.0.1' "port $(part_port "$1")" "sentinel monitor shop 127.0.0.1 $redis_port 2" \
      'sentinel auth-user shop sentinel' "sentinel auth-pass shop $password" \
      'sentinel down-after-milliseconds shop 2000' 'sentinel failover-timeout shop 10000' >"$file")
  fi
  sed -i "s/^sentinel auth-pass shop .*/sentinel auth-pass shop $password/" "$file"
}

redis_quoted() { printf '%s' "$1" | sed 's/["\\]/\\&/g'; }

# The users' passwords, and their rights as they are in this source tree. A Redis that runs learns what has changed.
make_redis_users() {
  local owner
  redis_is_ours || return 0
  for owner in $(redis_owners); do of_redis "$owner" make_users_of_one; done
}

make_users_of_one() {
  local folder before part of=()
  folder=$(redis_users)
  before=$(cat "$folder/users.acl" 2>/dev/null || true)
  ! has_redis_each || of=(--of "$redis_owner")
  ! has_prefix_each || of=(--each '{<service>}:')
  "$source_dir/deploy/redis/make_users.sh" "$folder" --prefix "$(key_prefix)" --archive "${of[@]}" || exit 1
  [ -n "$before" ] && [ "$before" != "$(cat "$folder/users.acl")" ] || return 0
  for part in $(servers_of_one); do load_redis_users "$part" "$folder"; done
}

servers_of_one() {
  local part
  for part in redis $(redis_helpers); do
    is_redis_server "$part" || continue
    ! has_redis_each || [ "$(owner_of_part "$part")" = "$redis_owner" ] || continue
    printf '%s\n' "$part"
  done
}

load_redis_users() { # load_redis_users PART FOLDER
  [ "$(ask_server "$1" ping 2>/dev/null)" = PONG ] || return 0
  ask_server "$1" acl load >/dev/null || fail "Redis can't load $2/users.acl"
}

# One server, whoever is the master.
ask_server() { ask_server_as operator "$@"; } # ask_server PART ARGUMENT...

ask_server_as() { # ask_server_as USER PART ARGUMENT...
  local redis_kind=redis redis_host=127.0.0.1 redis_at redis_owner redis_seconds=5
  redis_at=$(part_port "$2")
  redis_owner=$(owner_of_part "$2")
  redis_cli_as "$1" "${@:3}" </dev/null
}

# What a power cut has left half-written goes before Redis sees it.
mend_redis_log() { # mend_redis_log PART
  local said
  said=$("$source_dir/deploy/redis/mend_log.sh" "$(part_folder "$1")" 2>&1) || fail "Redis is not started: ${said#mend_log.sh: }"
  [ -z "$said" ] || printf '%s\n' "$said" | tee -a "$home/log/$1.log"
}

start_redis_server() { # start_redis_server PART
  ! part_pid "$1" >/dev/null || return 0
  say "Starting $1 at 127.0.0.1:$(part_port "$1")"
  mend_redis_log "$1"
  write_redis_conf "$1"
  launch "$1" -- "$(redis_server_program)" - <"$(part_folder "$1")/redis.conf"
}

start_sentinel() { # start_sentinel PART
  ! part_pid "$1" >/dev/null || return 0
  say "Starting $1 at 127.0.0.1:$(part_port "$1")"
  write_sentinel_conf "$1"
  launch "$1" -- "$(redis_server_program)" sentinel.conf --sentinel </dev/null
}

start_helpers() {
  local helper
  for helper in $(redis_helpers); do mkdir -p -- "$(part_folder "$helper")"; done
  case $(redis_arrangement) in
  sentinel) start_replica_and_sentinels ;;
  cluster) start_cluster ;;
  per-service) start_redis_each ;;
  esac
}

# All load what they have at the same time.
start_redis_each() {
  local helper
  for helper in $(redis_helpers); do start_redis_server "$helper"; done
  for helper in $(redis_helpers); do
    wait_until $loading_seconds server_answers_or_ended "$helper"
    part_pid "$helper" >/dev/null || give_up_on "$helper"
  done
}

# Sentinels would make a master of a replica that has nothing yet.
start_replica_and_sentinels() {
  local helper
  start_redis_server redis-replica
  wait_until $loading_seconds one_follows || fail "no server follows the other; see $home/log/redis-replica.log"
  for helper in $(redis_helpers); do
    [[ $helper != sentinel-* ]] || start_sentinel "$helper"
  done
}

# Three masters that know each other and share the slots; what they have agreed on is in their files from then on.
start_cluster() {
  local part first=0 last
  local -A last_slots=([redis]=8191 [redis-2]=15359 [redis-3]=16383) # by which order, inventory and mail are apart
  for part in redis redis-2 redis-3; do
    start_redis_server "$part"
    wait_until $loading_seconds server_answers "$part" || fail "$part does not answer; see $home/log/$part.log"
    last=${last_slots[$part]}
    if [[ $(ask_server "$part" cluster info) == *cluster_slots_assigned:0* ]]; then
      ask_server_as member "$part" cluster addslotsrange $first "$last" >/dev/null
    fi
    first=$((last + 1))
    ask_server_as member redis cluster meet 127.0.0.1 "$(part_port "$part")" "$(bus_port "$part")" >/dev/null
  done
  wait_until 60 all_know_all_slots || fail "the nodes do not become a cluster; see $home/log/redis.log"
}

server_answers() { [ "$(ask_server "$1" ping 2>/dev/null)" = PONG ]; }
server_answers_or_ended() { server_answers "$1" || ! part_pid "$1" >/dev/null; }

all_know_all_slots() {
  local part
  for part in redis redis-2 redis-3; do
    [[ $(ask_server "$part" cluster info) == *cluster_state:ok*cluster_slots_assigned:16384* ]] || return 1
  done
}

one_follows() {
  local part
  for part in redis redis-replica; do
    [[ $(ask_server "$part" info replication 2>/dev/null) != *master_link_status:up* ]] || return 0
  done
  return 1
}

start_redis() {
  start_redis_server redis
  [ "$(redis_arrangement)" = single ] || start_helpers
  wait_until $loading_seconds redis_answers_or_ended
  part_pid redis >/dev/null || give_up_on redis
  redis_answers || give_up_on redis "does not answer as it should: $(explain_redis)"
}

say_where_redis_is() {
  local owner
  for owner in $(redis_owners); do
    of_redis "$owner" find_and_say_where "redis$(! has_redis_each || echo " of $owner")"
  done
}

find_and_say_where() { # find_and_say_where NAME
  find_redis
  say "$1 answers $redis_host:$redis_at"
}

require_redis() { [ ${#wanted_services[@]} -eq 0 ] || redis_answers || fail "$(explain_redis)"; }

redis_answers_or_ended() { redis_answers || ! part_pid redis >/dev/null; }

start_service() {
  local service=$1 variables
  mapfile -t variables < <(tls_variables "$service" && redis_variables "$service")
  say "Starting $service at 127.0.0.1:$(part_port "$service")"
  launch "$service" "${variables[@]}" \
    ORDERSHOP_LISTEN="127.0.0.1:$(part_port "$service")" \
    ORDERSHOP_MAIL_FOLDER="${ORDERSHOP_MAIL_FOLDER:-$home/mail}" \
    ORDERSHOP_EVENT_FOLDER="${ORDERSHOP_EVENT_FOLDER:-$home/event}" \
    ORDERSHOP_ARCHIVE_FOLDER="${ORDERSHOP_ARCHIVE_FOLDER:-$home/archive}" \
    ORDERSHOP_OPERATORS="${ORDERSHOP_OPERATORS:-client/local}" -- "$bin/ordershop-$service" </dev/null
}

# It listens at 127.0.0.1 and ::1, and calls the services as a client of its own.
start_gateway() {
  local files
  mapfile -t files < <(tls_variables client/gateway)
  say "Starting gateway at localhost:$gateway_port"
  launch gateway "${files[@]}" ORDERSHOP_LISTEN= ORDERSHOP_GATEWAY_PORT="$gateway_port" -- "$bin/ordershop-gateway" </dev/null
}

# --- What runs already ---

# Prints why a part that runs is to be started anew; fails if it isn't.
why_anew() { # why_anew PART
  local part=$1 process pid
  for process in $(processes_of "$part"); do
    if pid=$(part_pid "$process") && is_frozen "$pid"; then
      say "$process is stopped by a signal (SIGSTOP)"
      return
    fi
  done
  if [ "$part" = redis ] || contains "$part" "${elsewhere[@]}"; then
    return 1
  elif ! [ "/proc/$(part_pid "$part")/exe" -ef "$bin/ordershop-$part" ]; then
    say "$part runs from another build"
  elif [ "$part" = gateway ]; then
    ! gateway_health >/dev/null 2>&1 || return 1
  elif redis_answers && ! shop_health "$part" >/dev/null 2>&1; then
    explain_services "$part"
  else
    return 1
  fi
}

all_helpers_run() {
  local helper
  for helper in $(redis_helpers); do part_pid "$helper" >/dev/null || return 1; done
}

# Puts into `to_start` what of the chosen parts does not run, or has to run anew and is stopped for that.
stop_what_is_stale() {
  local part why stale=()
  for part in "${chosen[@]}"; do
    if [ "$part" = redis ] && ! redis_is_ours; then
      say "Using the Redis of ORDERSHOP_REDIS_URL, starting none."
    elif ! part_pid "$part" >/dev/null; then
      to_start+=("$part")
    elif why=$(why_anew "$part"); then
      say "${why:-$part was not ready}. Starting $part anew"
      stale+=("$part")
      to_start+=("$part")
    elif [ "$part" = redis ] && ! all_helpers_run; then
      to_start+=("$part")
    else
      say "$part runs already"
    fi
  done
  [ ${#stale[@]} -eq 0 ] || stop_parts "${stale[@]}" || true
}

# --- Until all serve ---

# A consumer that waits for an operator does so however long one waits for it.
one_is_halted() {
  { as_client "$bin/ordershop" status --json "${wanted_services[@]}" 2>/dev/null || true; } |
    grep -q '"CONSUMER_STATE_HALTED"'
}

# All serve, or won't.
services_are_settled() {
  local service
  shop_health "${wanted_services[@]}" >"$scratch" 2>&1 && return
  for service in "${wanted_services[@]}"; do
    part_pid "$service" >/dev/null || return 0
  done
  if one_is_halted; then return 0; fi
  if [ "$patience" -gt 0 ] && [ $SECONDS -ge "$patience" ]; then
    patience=0
    explain_services "${wanted_services[@]}" | sed 's/^/Waiting: /'
  fi
  return 1
}

await_services() {
  local service patience=$((SECONDS + 5))
  wait_until $serving_seconds services_are_settled || true
  if shop_health "${wanted_services[@]}" >"$scratch" 2>&1; then
    return
  fi
  for service in "${wanted_services[@]}"; do
    part_pid "$service" >/dev/null || give_up_on "$service" "has ended"
  done
  cat "$scratch" >&2
  explain_services "${wanted_services[@]}" >&2
  if one_is_halted; then
    started=()
    fail "not all are SERVING until you decide (docs/guarantees.md, Failures of the log itself); what runs goes on running"
  fi
  fail "not all are SERVING within $serving_seconds seconds; see the logs in $home/log"
}

gateway_is_settled() { gateway_health >/dev/null 2>&1 || ! part_pid gateway >/dev/null; }

await_gateway() {
  wait_until $serving_seconds gateway_is_settled || true
  part_pid gateway >/dev/null || give_up_on gateway "has ended"
  gateway_health || fail "the gateway is not SERVING; see $home/log/gateway.log"
}

# --- Demo and last words ---

play_demo() {
  if [ $demo = no ] || [ -e "$home/demo-played" ]; then return; fi
  say ""
  say "Playing the demo (the first time only): ordershop demo"
  if ! as_client "$bin/ordershop" demo; then
    started=()
    fail "the demo failed; the shop runs all the same"
  fi
  touch "$home/demo-played"
}

print_what_to_try() {
  local settings base='' grpcurl=-plaintext files here
  settings=$(shop_settings)
  [ "$port_base" -eq 50050 ] || base="ORDERSHOP_PORT_BASE=$port_base "
  say ""
  say "Three things to try:"
  if shop_has_tls; then
    mapfile -t files < <(tls_variables client/local)
    say "  export$(printf ' %q' "${files[@]}")"
    grpcurl=$(printf -- '-cacert %q -cert %q -key %q' "${files[@]#*=}")
  fi
  say "  grpcurl $grpcurl localhost:$(part_port customer) ordershop.v1.CustomerService/ListCustomers"
  command -v grpcurl >/dev/null ||
    say "      (grpcurl is not installed: go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.8.9)"
  here=$(printf %q "$local_dir")
  say "  $base$(printf %q "$bin/ordershop") order list"
  say "  $settings$here/redis-cli.sh $(! has_redis_each || echo '--service order ')XRANGE '$(of_redis order key_prefix)events:order_created' - + COUNT 1"
  say ""
  say "Logs are in $home/log. To see how it does, and to stop it:"
  say "  $settings$here/status.sh"
  say "  $settings$here/down.sh"
  say ""
  say "To see it at work, open its console in a browser (it is the shop over HTTP, too: docs/gateway.md):"
  say "  http://localhost:$gateway_port"
}

# --- Main ---

# The arrangement is remembered. Services that run would not learn of another one.
arrange_redis() {
  local part
  [ -n "$arrangement" ] || return 0
  redis_is_ours || misuse "--redis is for the private Redis: ORDERSHOP_REDIS_URL says where another one is"
  [ "$arrangement" != "$(redis_arrangement)" ] || return 0
  if [[ $arrangement != @(single|sentinel) || $(redis_arrangement) != @(single|sentinel) ]] && [ -d "$home/redis/appendonlydir" ]; then
    fail "there is data in $home/redis, which was arranged as $(redis_arrangement) and $arrangement would not find: choose another ORDERSHOP_HOME"
  fi
  for part in "${parts[@]}"; do
    ! part_pid "$part" >/dev/null || fail "$part runs: stop the shop (down.sh) before Redis is arranged in another way"
  done
  if [ "$arrangement" = single ] && [ "$(last_master_port)" != "$redis_port" ]; then
    fail "the master is at port $(last_master_port): let it be at $redis_port again (SENTINEL FAILOVER shop, at port $((redis_port + 2))) before it is the only one"
  fi
  printf '%s\n' "$arrangement" >"$home/redis/arrangement"
  parse_redis_url
}

install=yes demo=yes arrangement=''
names=()
while [ $# -gt 0 ]; do
  argument=$1
  shift
  case $argument in
  --redis)
    [[ ${1:-} =~ ^(single|sentinel|cluster|per-service)$ ]] ||
      misuse "--redis is single, sentinel, cluster or per-service; see up.sh --help"
    arrangement=$1
    shift
    ;;
  -h | --help)
    print_help
    exit 0
    ;;
  --no-install) install=no ;;
  --no-demo) demo=no ;;
  -*) misuse "unknown option '$argument'; see up.sh --help" ;;
  *) names+=("$argument") ;;
  esac
done
choose_parts "${names[@]}"
wanted_services=()
for part in "${chosen[@]}"; do
  [[ $part == redis || $part == gateway ]] || wanted_services+=("$part")
done

if [ $install = yes ]; then
  needed=("${run_packages[@]}")
  [ -n "${ORDERSHOP_BIN:-}" ] || needed+=("${build_packages[@]}")
  install_missing "${needed[@]}" || exit 1
fi
make_home
lock_home
arrange_redis
export_addresses
choose_tls
check_redis_files
contains redis "${chosen[@]}" || require_redis # before a build of minutes
build_shop
check_executables
trap end_run EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
scratch=$(mktemp)

to_start=()
stop_what_is_stale
check_ports "${to_start[@]}"
make_certificates
make_redis_users
if contains redis "${to_start[@]}"; then
  start_redis
else
  require_redis
fi
for part in "${to_start[@]}"; do
  [[ $part == redis || $part == gateway ]] || start_service "$part"
done
! contains gateway "${to_start[@]}" || start_gateway
if [ ${#wanted_services[@]} -gt 0 ]; then
  await_services
  say ""
  ! { redis_is_ours && contains redis "${chosen[@]}"; } || say_where_redis_is
  cat "$scratch"
fi
if contains gateway "${chosen[@]}"; then
  await_gateway
  say "gateway SERVING http://localhost:$gateway_port"
fi
if [ ${#wanted_services[@]} -eq ${#services[@]} ]; then
  play_demo
  print_what_to_try
fi
