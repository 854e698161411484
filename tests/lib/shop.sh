# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A private shop for shell tests: a Redis with the shipped configuration and the services of the test build, each with
# its own Redis user, on free ports of loopback, in a temporary folder. Sourced by acceptance and fault tests:
#
#   . "$ORDERSHOP_SOURCE/tests/lib/shop.sh"
#   shop_start                              # Redis and all services, all SERVING
#   expect "a customer is created" create_a_customer
#   service_kill crm
#   service_start crm ORDERSHOP_LOG_LEVEL=debug
#   shop_done                               # stops all, prints `N passed, N failed`, ends the script
#
# Exported for clients: ORDERSHOP_<SERVICE>_ADDRESS. Other ORDERSHOP_ variables that a test exports go to every service
# that starts after that. Whatever happens, everything ends with the script; logs are shown when something failed.
set -euo pipefail

. "$ORDERSHOP_SOURCE/deploy/services.sh"
shop_services=()
shop_owners=() # of them, those that own entities: they take orders and do what follows from them; the others only read
declare -A shop_port=([redis]=18)
# In the order of the list, so that there is room for a service that was added, whatever its port; the shipped ones are
# where --port-base looks for them.
while read -r shop_service _ shop_owned _; do
  shop_services+=("$shop_service")
  [ "$shop_owned" = - ] || shop_owners+=("$shop_service")
  shop_port[$shop_service]=${#shop_services[@]}
done < <(service_rows)
# The eight that the shop is shipped with are the first rows, up to event; what was added to the tree comes after them.
# shellcheck disable=SC2034 # tests that source this read it
mapfile -t shop_shipped < <(printf '%s\n' "${shop_services[@]}" | sed '/^event$/q')
shop_slowness=${ORDERSHOP_TEST_SLOWNESS:-1}
shop_folder=$(mktemp -d)
shop_passed=0 shop_failed=0 shop_failures=()
shop_redis_scheme=redis shop_redis_cli=() shop_redis_arguments=() shop_users_arguments=() # as whoever sources this after wants them (tls_redis.sh)
shop_at_end=() # functions of the test's own that end what it has started; called however the test ends
declare -A shop_pid=()
readonly shop_sanitizer_report='ERROR: [A-Za-z]*Sanitizer\|runtime error:'

# --- Saying and checking ---

say() { printf '%s\n' "$*"; }

fail() { # ends the test
  say "FAILED: $*"
  exit 1
}

# skip REASON...: ends the test as skipped
skip() {
  say "skipped: $*"
  exit 77
}

# expect SENTENCE COMMAND...: one test. What the command prints is shown if it fails; the test goes on then. Its standard input
# is empty, so that no command waits for a terminal or takes what is meant for the test: one that reads something is given it
# by a pipe or a here-document in a function of the test.
expect() {
  local sentence=$1 status=0
  shift
  "$@" >"$shop_folder/output" 2>&1 </dev/null || status=$?
  if [ $status -eq 0 ]; then
    shop_passed=$((shop_passed + 1))
    say "passed: $sentence"
  else
    shop_failed=$((shop_failed + 1))
    shop_failures+=("$sentence")
    say "FAILED: $sentence"
    say "  $* (exit status $status)"
    sed 's/^/  | /' "$shop_folder/output"
  fi
}

# ends_with STATUS PATTERN COMMAND...: the command ends with that status and prints the pattern, on either stream.
ends_with() {
  local wanted=$1 pattern=$2 status=0 output
  shift 2
  output=$("$@" 2>&1) || status=$?
  printf '%s\n(exit status %s)\n' "$output" "$status"
  [ "$status" -eq "$wanted" ] && grep -q -- "$pattern" <<<"$output"
}

# wait_until SECONDS COMMAND...: polls until the command succeeds; fails when the time (times the slowness of a
# sanitized build) is over.
wait_until() {
  local deadline=$(($(date +%s%N) / 1000000 + $1 * 1000 * shop_slowness))
  shift
  until "$@"; do
    [ $(($(date +%s%N) / 1000000)) -lt $deadline ] || return 1
    sleep 0.02
  done
}

# --- Ports ---

port_is_free() {
  local hex
  hex=$(printf '%04X' "$1")
  ! awk -v port=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

ports_are_free() {
  local port
  for port in $(seq "$1" $(($1 + 19))); do
    port_is_free "$port" || return 1
  done
}

# Twenty ports, below those that the kernel gives to outgoing connections (32768 and above) and above those of the suites in
# C (tests/support/private_redis.c), that no other test of this user has reserved. The reservation is a lock that ends with
# the script.
reserve_ports() {
  local folder=/tmp/ordershop-ports-$UID try
  mkdir -p "$folder"
  for try in $(seq 200); do
    shop_port_base=$((27000 + RANDOM % 250 * 20))
    exec 5>"$folder/$shop_port_base"
    if flock -n 5 && ports_are_free "$shop_port_base"; then return; fi
    exec 5>&-
  done
  fail "no twenty free ports in $try tries"
}

port_of() { # port_of redis|<service>; spare_port is for the test's own use
  echo $((shop_port_base + ${shop_port[$1]}))
}

address_of() { echo "127.0.0.1:$(port_of "$1")"; }

spare_port() { echo $((shop_port_base + 19)); }

# --- Processes ---

log_of() { echo "$shop_folder/$1.log"; }

# Has the child ended (it may be a zombie that nobody has waited for)?
child_has_ended() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  [[ ${stat##*) } == Z* ]]
}

is_running() { [ -n "${shop_pid[$1]:-}" ] && ! child_has_ended "${shop_pid[$1]}"; }

# launch NAME COMMAND...
launch() {
  local name=$1
  shift
  ! is_running "$name" || fail "$name runs already"
  "$@" >>"$(log_of "$name")" 2>&1 </dev/null 5>&- &
  shop_pid[$name]=$!
}

# Waits for a child to end and sets shop_status to its exit status; kills it when that takes too long.
await_end() { # await_end NAME SECONDS
  local pid=${shop_pid[$1]}
  wait_until "$2" child_has_ended "$pid" || kill -KILL "$pid" 2>/dev/null || true
  shop_status=0
  wait "$pid" 2>/dev/null || shop_status=$?
  shop_pid[$1]=
}

# Has the child come so far that SIGTERM doesn't end it where it is?
catches_sigterm() {
  local caught
  caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null || true)
  child_has_ended "$1" || (((16#${caught:-0} >> 14) & 1))
}

# terminate NAME: SIGTERM. What was started just before first gets the time to catch it.
terminate() {
  wait_until 60 catches_sigterm "${shop_pid[$1]}" || fail "$1 does not catch SIGTERM"
  kill -TERM "${shop_pid[$1]}" 2>/dev/null || true
}

# --- Redis ---

# Asks the shop's Redis.
redis() { redis-cli "${shop_redis_cli[@]}" -h 127.0.0.1 -p "$(port_of redis)" "$@"; }

redis_answers() { [ "$(redis ping 2>/dev/null </dev/null)" = PONG ]; }

# The shipped rules for the services; only the default user, the test's own, may do everything.
make_users() {
  "$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$shop_folder/users" --prefix "${ORDERSHOP_KEY_PREFIX:-}" "${shop_users_arguments[@]}"
  sed -i 's/^user default .*/user default on nopass ~* \&* +@all/' "$shop_folder/users/users.acl"
}

# redis_start ARGUMENT...: more settings for redis-server, e.g. --cluster-enabled yes
redis_start() {
  local listen=(--port "$(port_of redis)")
  [ "$shop_redis_scheme" = redis ] || listen=(--port 0 --tls-port "$(port_of redis)")
  mkdir -p "$shop_folder/redis"
  make_users
  "$ORDERSHOP_SOURCE/deploy/redis/mend_log.sh" "$shop_folder/redis"
  launch redis redis-server "$ORDERSHOP_SOURCE/deploy/redis/transactional.conf" --bind 127.0.0.1 \
    "${listen[@]}" --dir "$shop_folder/redis" --aclfile "$shop_folder/users/users.acl" "${shop_redis_arguments[@]}" "$@"
  wait_until 60 redis_answers || fail "redis does not answer"
}

redis_stop() {
  terminate redis
  await_end redis 60
}

redis_kill() {
  kill -KILL "${shop_pid[redis]}"
  await_end redis 60
}

# --- Services ---

# service_start NAME [VARIABLE=VALUE...]: starts it and returns at once
service_start() {
  local name=$1
  shift
  launch "$name" env -u ORDERSHOP_SOURCE -u ORDERSHOP_BIN -u ORDERSHOP_REQUIRE_TOOLS \
    ORDERSHOP_LISTEN="$(address_of "$name")" ORDERSHOP_REDIS_URL="$shop_redis_scheme://$name@127.0.0.1:$(port_of redis)/0" \
    ORDERSHOP_REDIS_PASSWORD_FILE="$shop_folder/users/$name.password" \
    ORDERSHOP_MAIL_FOLDER="$shop_folder/mail" ORDERSHOP_EVENT_FOLDER="$shop_folder/event" FAIL_POINT_DIR="$shop_folder/fail_points/$name" \
    "$@" "$ORDERSHOP_BIN/ordershop-$name"
}

# service_stop NAME: SIGTERM; the test fails unless it ends gracefully
service_stop() {
  terminate "$1"
  await_end "$1" 60
  [ $shop_status -eq 0 ] || fail "$1 ended with status $shop_status at SIGTERM"
}

service_kill() {
  kill -KILL "${shop_pid[$1]}"
  await_end "$1" 60
}

service_pause() { kill -STOP "${shop_pid[$1]}"; }
service_resume() { kill -CONT "${shop_pid[$1]}"; }

# service_restart NAME [VARIABLE=VALUE...]: stops and starts it, and waits until it serves
service_restart() {
  service_stop "$1"
  service_start "$@"
  wait_for_serving "$1"
}

# Fail points (services/runtime/loop/fail_point.h), for each service on its own: the next time that it passes the named
# place it does what is said (kill, pause, error), once.
fail_point_arm() { # fail_point_arm SERVICE NAME ACTION
  rm -f "$shop_folder/fail_points/$1/$2.hit"
  printf '%s' "$3" >"$shop_folder/fail_points/$1/.$2"
  mv "$shop_folder/fail_points/$1/.$2" "$shop_folder/fail_points/$1/$2"
}
fail_point_was_hit() { [ -e "$shop_folder/fail_points/$1/$2.hit" ]; }
fail_point_release() { rm -f "$shop_folder/fail_points/$1/$2.hit"; }

port_accepts() { { : <>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null; }

is_listening() { port_accepts "$(port_of "$1")"; }

serve() { "$ORDERSHOP_BIN/ordershop" health "$@" >"$shop_folder/health" 2>&1; }

# serves_or_ended NAME...: sets shop_ended to the name of one that has ended, if any has
serves_or_ended() {
  local name
  serve "$@" && return
  for name in "$@"; do
    is_running "$name" || { shop_ended=$name && return; }
  done
  return 1
}

# wait_for_serving NAME...: until all of them say SERVING; the test fails when one ends or it takes too long. They are not asked
# once more after that: on a busy machine one may stand still again, and say so.
wait_for_serving() {
  shop_ended=
  wait_until 60 serves_or_ended "$@" || fail "not all serve: $(tr '\n' ';' <"$shop_folder/health")"
  [ -z "$shop_ended" ] || fail "$shop_ended has ended: $(tr '\n' ';' <"$shop_folder/health")"
}

has_connected() { redis client list | grep " name=$1-commands "; } # has_connected SERVICE

# redis_crash: Redis is killed under the services that run and started again; returns when they serve again. One that has not
# run since then would still say SERVING: it has no connection to the new Redis.
redis_crash() {
  local name running=()
  for name in "${shop_services[@]}"; do
    if is_running "$name"; then running+=("$name"); fi
  done
  redis_kill
  redis_start
  for name in "${running[@]}"; do
    wait_until 60 has_connected "$name" >/dev/null || fail "$name does not come back to Redis"
  done
  wait_for_serving "${running[@]}"
}

# --- The whole ---

# shop_prepare: ports and addresses, for a test that starts the parts itself
shop_prepare() {
  local name
  [ -x "${ORDERSHOP_BIN:?}/ordershop" ] || fail "there are no executables in ORDERSHOP_BIN=$ORDERSHOP_BIN"
  reserve_ports
  mkdir -p "$shop_folder/mail"
  for name in "${shop_services[@]}"; do
    mkdir -p "$shop_folder/fail_points/$name"
    export "ORDERSHOP_${name^^}_ADDRESS=dns:///$(address_of "$name")"
  done
}

# shop_start [SERVICE...]: Redis and the services, all of them if none is named; returns when they serve
shop_start() {
  local name names=("$@")
  [ $# -gt 0 ] || names=("${shop_services[@]}")
  shop_prepare
  redis_start
  for name in "${names[@]}"; do service_start "$name"; done
  wait_for_serving "${names[@]}"
}

# What a sanitizer has found in a process fails the test, however well everything else went.
sanitizers_are_content() {
  ! grep -l "$shop_sanitizer_report" "$shop_folder"/*.log 2>/dev/null
}

# Stops the services, then Redis. Services must end gracefully.
shop_stop() {
  local name
  for name in "${shop_services[@]}"; do
    if is_running "$name"; then terminate "$name"; fi
  done
  for name in "${shop_services[@]}"; do
    [ -n "${shop_pid[$name]:-}" ] || continue
    await_end "$name" 60
    [ $shop_status -eq 0 ] || fail "$name ended with status $shop_status"
  done
  if is_running redis; then redis_stop; fi
  sanitizers_are_content || fail "a sanitizer has found something in the logs named above"
}

# Ends the test.
shop_done() {
  shop_stop
  say "$shop_passed passed, $shop_failed failed"
  [ $shop_failed -eq 0 ] || exit 1
  exit 0
}

show_logs() {
  local log redis_crash_report='=== REDIS BUG REPORT START'
  for log in "$shop_folder"/*.log; do
    [ -s "$log" ] || continue
    say "--- the end of $(basename "$log")"
    case $log in
    */redis.log) tail -n 4 "$log" ;;
    *) tail -n 30 "$log" | grep -v '^  0x\|^=>0x' || true ;;
    esac
    if grep -q "$redis_crash_report" "$log"; then
      say "--- how Redis has crashed in $(basename "$log")"
      grep -m 1 -A 20 "$redis_crash_report" "$log"
    fi
    if grep -q "$shop_sanitizer_report" "$log"; then
      say "--- what a sanitizer has found in $(basename "$log")"
      grep -A 40 "$shop_sanitizer_report" "$log" | head -n 80 || true
    fi
  done
}

shop_end() {
  local status=$? name
  trap - EXIT INT TERM HUP
  for name in "${shop_at_end[@]}"; do "$name" || true; done
  for name in "${!shop_pid[@]}"; do
    if is_running "$name"; then
      kill -CONT "${shop_pid[$name]}" 2>/dev/null || true
      kill -KILL "${shop_pid[$name]}" 2>/dev/null || true
      wait "${shop_pid[$name]}" 2>/dev/null || true
    fi
  done
  if [ $status -ne 0 ] && [ $status -ne 77 ]; then
    show_logs
    if [ $shop_failed -gt 0 ]; then
      [ ${#shop_failures[@]} -eq 0 ] || printf 'FAILED: %s\n' "${shop_failures[@]}"
      say "$shop_passed passed, $shop_failed failed"
    fi
  fi
  rm -rf "$shop_folder"
  exit $status
}
trap shop_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
