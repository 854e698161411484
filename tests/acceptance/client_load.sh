#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# `ordershop load` against a real shop: it calls what it is told to, keeps its rate, counts what fails, follows orders to
# their mails, and says so in a form that programs read.

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

PATH=$ORDERSHOP_BIN:$PATH
command -v jq >/dev/null || skip "jq is not installed"
shop_start
redis_url=redis://127.0.0.1:$(port_of redis)/0
deadline=$((60000 * shop_slowness))

# load FLAG...: its report goes to $shop_folder/load.json; its status is that of the load
load() { ordershop load --warm-up 0 --deadline "$deadline" --json "$@" >"$shop_folder/load.json"; }

# holds JQ-CONDITION: of the last load's report
holds() { jq -e "$1" "$shop_folder/load.json" >/dev/null || { cat "$shop_folder/load.json" && return 1; }; }

says() { ends_with "$@"; } # says STATUS PATTERN COMMAND...

# --- What it calls ---

all_commands() { # COMMAND,COMMAND,...: of all services, by their contracts
  sed -n 's/^  rpc \([A-Za-z]*\)(.*/\1/p' \
    "$ORDERSHOP_SOURCE"/proto/ordershop/v1/{customer,product,inventory,order,billing,crm,mail}.proto | paste -sd ,
}

calls_every_command() {
  local commands
  commands=$(all_commands)
  load --mix "$commands" --in-flight 8 --seconds 3 --retry &&
    holds '.failures == 0 and .mode == "mix" and (.mix | length) == (.commands | length) and
           ([.commands[].calls] | add) == .calls'
}

keeps_its_rate() {
  load --mode get --rate 150 --seconds 2 &&
    holds '.calls == 300 and .offeredPerSecond == 150 and .failures == 0 and .rate == 150 and .begunLateMs.max >= 0'
}

tells_percentiles_in_their_order() {
  holds '.latencyMs | .p50 > 0 and .p50 <= .p90 and .p90 <= .p99 and .p99 <= .p999 and .p999 <= .p9999 and
         .p9999 <= .max'
}

expect "every command of the shop is called, and none fails" calls_every_command
expect "a rate is kept to the call" keeps_its_rate
expect "percentiles rise" tells_percentiles_in_their_order

# --- What it costs the shop, and what it is made in ---

tells_what_processes_cost() {
  load --mode get --in-flight 4 --seconds 1 --watch "customer=${shop_pid[customer]},redis=${shop_pid[redis]}" &&
    holds '.cpuUs.customer > 0 and .cpuUs.redis > 0 and .others >= 0 and .generatorCpuUs > 0'
}

customers() { redis XLEN events:customer_created; }

makes_the_shop_once() {
  local before
  before=$(customers)
  load --mode order --in-flight 2 --seconds 1 --prepare 7 --shop "$shop_folder/ids" &&
    [ "$(customers)" -eq $((before + 7)) ] && [ "$(jq '.products | length' "$shop_folder/ids")" -eq 7 ] &&
    load --mode order --in-flight 2 --seconds 1 --shop "$shop_folder/ids" && holds '.failures == 0' &&
    [ "$(customers)" -eq $((before + 7)) ]
}

expect "it tells what processes of this machine cost a call" tells_what_processes_cost
expect "what was made for a run is there for the next one" makes_the_shop_once

# --- Sweeps ---

well_formed() { python3 -c 'import sys, xml.dom.minidom as m; assert m.parse(sys.argv[1]).documentElement.tagName == "svg"' "$1"; }

sweeps() {
  load --mode get --sweep 50,100,200 --seconds 1 --plot "$shop_folder/latency.svg" &&
    holds '[.sweep[] | .rate] == [50, 100, 200] and [.sweep[] | .calls] == [50, 100, 200]' &&
    well_formed "$shop_folder/latency.svg" && grep -q 'polyline' "$shop_folder/latency.svg"
}

expect "a sweep has a run for each rate, and its picture is well-formed" sweeps

# --- Mails ---

follows_orders_to_their_mails() {
  load --mode order --rate 30 --seconds 2 --mails --redis-url "$redis_url" &&
    holds '.calls == 60 and .ordersWithMails == 60 and .ordersWithoutMails == 0 and .mailsMs.p50 > 0 and .mailsByLogTimeMs.p50 > 0'
}

expect "orders are followed to their mails" follows_orders_to_their_mails
expect "a Redis that is not there is named" \
  says 3 "127.0.0.1:1" ordershop load --mails --seconds 1 --redis-url redis://127.0.0.1:1/0

refuses_place() { # refuses_place PATTERN FLAG...
  says 1 "$1" ordershop load --mails --seconds 1 "${@:2}"
}
expect "a service's URL that is none is refused" refuses_place '--mail-redis-url: "localhost" is not a URL' --mail-redis-url localhost
expect "also in its variable" says 1 'ORDERSHOP_MAIL_REDIS_URL: "localhost" is not a URL' \
  env ORDERSHOP_MAIL_REDIS_URL=localhost ordershop load --mails --seconds 1
echo secret >"$shop_folder/password"
expect "so is a password without a URL" \
  refuses_place 'ORDERSHOP_ORDER_REDIS_PASSWORD_FILE: needs ORDERSHOP_ORDER_REDIS_URL, too' \
  --order-redis-password-file "$shop_folder/password"
expect "and a password's file that is not there" \
  refuses_place '--mail-redis-password-file: /none: No such file' --mail-redis-url "$redis_url" --mail-redis-password-file /none
expect "and a prefix with a blank" refuses_place '--order-key-prefix: "my orders" is not' --order-key-prefix 'my orders'
expect "and one without a hash tag in a cluster" \
  refuses_place 'ORDERSHOP_MAIL_KEY_PREFIX: must have a hash tag.*ORDERSHOP_MAIL_REDIS_URL is a cluster' \
  --mail-redis-url redis+cluster://127.0.0.1:1 --mail-key-prefix mail:
expect "and one that two services have in the same Redis" \
  refuses_place 'ORDERSHOP_MAIL_KEY_PREFIX: must be another one than ORDERSHOP_ORDER_KEY_PREFIX in the same Redis' \
  --redis-url "$redis_url" --mail-key-prefix a: --order-key-prefix a:
expect "a service's Redis that is not there is named, with its flag" \
  says 3 '127.0.0.1:1 .*--mail-redis-url.*--mail-redis-password-file' \
  ordershop load --mails --seconds 1 --redis-url "$redis_url" --mail-redis-url redis://127.0.0.1:1/0

service_stop mail
service_start mail ORDERSHOP_MAIL_KEY_PREFIX=mail: ORDERSHOP_REDIS_URL="$redis_url" ORDERSHOP_REDIS_PASSWORD_FILE=
wait_for_serving mail
follows_orders_to_another_prefix() {
  load --mode order --rate 10 --seconds 1 --mails --redis-url "$redis_url" --mail-key-prefix mail: &&
    holds '.ordersWithMails == 10 and .ordersWithoutMails == 0'
}
expect "orders are followed to mails behind another prefix" follows_orders_to_another_prefix
service_kill mail
misses_mails() {
  local status=0
  load --mode order --rate 10 --seconds 1 --mails --redis-url "$redis_url" || status=$?
  [ "$status" -eq 3 ] && holds '.ordersWithoutMails == 10 and .failures == 0'
}
expect "orders that stay without mails are counted, and the exit status says so" misses_mails
service_start mail
wait_for_serving mail

# --- Failures ---

is_under_load() { [ "$(redis XLEN events:customer_created)" -gt "$1" ]; }

counts_a_killed_service() {
  local before status=0 pid
  before=$(redis XLEN events:customer_created)
  load --mode customer --rate 100 --seconds 6 &
  pid=$!
  wait_until 60 is_under_load $((before + 5))
  service_kill customer
  wait "$pid" || status=$?
  service_start customer
  wait_for_serving customer
  [ "$status" -eq 3 ] && holds '.failuresByCode.UNAVAILABLE == .failures and .failures > 0 and .calls + .failures == 600 and
    ([.failuresByReason[] | select(.code == "UNAVAILABLE" and .reason == "PEER_UNREACHABLE") | .count] | add) == .failures'
}

tries_again_when_a_service_restarts() {
  local before pid
  before=$(redis XLEN events:customer_created)
  load --mode customer --rate 50 --seconds 6 --retry &
  pid=$!
  wait_until 60 is_under_load $((before + 5))
  service_restart customer
  wait_for_serving customer
  wait "$pid" || true # a restart that takes longer than five tries costs calls
  holds '.calls + .failures == 300 and .retries > 0 and .calls > .failures'
}

expect "calls to a service that is killed meanwhile are counted as UNAVAILABLE, with the reason" counts_a_killed_service
expect "with retries, calls are made again when the service restarts" tries_again_when_a_service_restarts
expect "people are told the reason, too" \
  says 3 'UNAVAILABLE PEER_UNREACHABLE\|PEER_UNREACHABLE' ordershop load --mode get --seconds 1 --customer-address 127.0.0.1:1

# --- On a terminal ---

# The window of a terminal for the command, whose output it prints.
on_terminal() { TERM=xterm python3 -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' "$@"; }

shows_progress() {
  on_terminal ordershop load --mode get --rate 50 --seconds 2 --warm-up 0 >"$shop_folder/screen"
  grep -q 'of 2 s, [0-9]* calls, 0 failed' "$shop_folder/screen"
}

expect "on a terminal it shows how far it is" shows_progress
expect "elsewhere it doesn't" bash -c '! ordershop load --mode get --rate 50 --seconds 1 --warm-up 0 2>&1 | grep "under way"'

# --- Wrong flags ---

refuses() { # refuses PATTERN FLAG...
  local pattern=$1
  shift
  ends_with 2 "$pattern" ordershop load "$@"
}

refuses_what_is_wrong() {
  echo '{"customers": ["x"]}' >"$shop_folder/bad"
  refuses 'mix: "CreateOrdre" is no command; did you mean CreateOrder?' --mix CreateOrdre=1 &&
    refuses 'weight of GetOrder' --mix GetOrder=0 &&
    refuses 'is there twice' --mix GetOrder,GetOrder &&
    refuses 'mode and --mix exclude' --mix GetOrder --mode get &&
    refuses 'rate: "0" is not a number from 1 to 1000000' --rate 0 &&
    refuses 'rate: "5x" is not' --rate 5x &&
    refuses 'connections: "-1" is not' --connections=-1 &&
    refuses 'sweep: "x" is not' --sweep 5,x &&
    refuses 'sweep: "" is not' --sweep 5, &&
    refuses "the rates don't rise" --sweep 5,5 &&
    refuses 'sweep excludes' --sweep 5 --rate 5 &&
    refuses 'plot draws a --sweep' --plot "$shop_folder/x.svg" &&
    refuses 'plot: /nowhere/x.svg: No such file' --sweep 5 --plot /nowhere/x.svg &&
    refuses 'CreateOrder is not in the mix' --mode get --mails &&
    refuses 'watch: "x" is not a name and the number of a process' --watch x &&
    refuses 'watch: "x=1y" is not' --watch x=1y &&
    refuses 'is no process that can be watched' --watch x=2147483647 &&
    refuses "shop: $shop_folder/bad: is not a file that --shop has written" --mode get --shop "$shop_folder/bad" &&
    refuses "shop: /nowhere/ids: No such file" --mode get --shop /nowhere/ids &&
    refuses 'load connects by itself' --use-proxy yes --seconds 1 &&
    refuses 'is not host:port' --mode get --seconds 1 --customer-address unix:/tmp/x
}

expect "flags that are wrong or don't fit together are refused, and named" refuses_what_is_wrong
shop_done
