#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# deploy/redis/mend_log.sh: a power cut tears Redis' append-only file within a transaction, at any byte of it. What the
# shop starts from then has all of a command or nothing, at the first start and at the second.
# suite-seconds: 1800

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

[ "$shop_slowness" -eq 1 ] || skip "not applicable: nothing of ours runs in it that other suites don't run"

mend=$ORDERSHOP_SOURCE/deploy/redis/mend_log.sh
data=$shop_folder/redis
whole=$shop_folder/whole # what a customer's creation has left, untouched
name=appendonly.aof.1.incr.aof
log=$data/appendonlydir/$name

create_customer() { "$ORDERSHOP_BIN/ordershop" customer create --name "$1" --email "$1@example.com" --quiet; }
log_size() { stat -c %s "$log"; }

# put BYTES [FOLDER]: what a power cut leaves after so many bytes of the log
put() {
  local folder=${2:-$data}
  rm -rf "$folder"
  mkdir -p "$folder/appendonlydir"
  cp "$whole"/* "$folder/appendonlydir/"
  truncate -s "$1" "$folder/appendonlydir/$name"
}

is_whole_up_to() { [ "$(log_size)" -eq "$1" ] && cmp -n "$1" "$log" "$whole/$name"; } # is_whole_up_to BYTES

# What is gone from the log is kept beside it.
kept_bytes() { cat "$log".torn-* 2>/dev/null | wc -c; }

# Every customer has its event and every event its customer.
state_equals_log() {
  redis --scan --pattern 'customer_entity:*' | sed 's/.*://' | LC_ALL=C sort >"$shop_folder/entities"
  redis smembers customer_ids | LC_ALL=C sort >"$shop_folder/ids"
  redis xrange events:customer_created - + | grep -axE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' | LC_ALL=C sort -u \
    >"$shop_folder/events"
  [ -s "$shop_folder/entities" ] && diff "$shop_folder/entities" "$shop_folder/ids" &&
    [ "$(redis xlen events:customer_created)" -eq "$(wc -l <"$shop_folder/entities")" ]
}

# --- Every byte, two starts ---

# A transaction as the shop's, but small: a function that changes an entity and appends the event.
load_function() {
  redis function load "#!lua name=small
    redis.register_function('bump', function(keys)
      local value = redis.call('INCR', keys[1])
      return redis.call('XADD', keys[2], '*', 'v', value)
    end)"
}

# ask LINE...: Redis' answers, in one line, to all of them; the first one until it is up is repeated
ask() { printf '%s\n' "$@" | redis 2>&1 | tr '\n' ' '; }

start_redis_alone() {
  launch redis redis-server "$ORDERSHOP_SOURCE/deploy/redis/transactional.conf" --bind 127.0.0.1 --port "$(port_of redis)" \
    --dir "$data"
  wait_until 60 redis_answers
}

# entity_is VALUE COMMAND...: the entity and its last event say the same; then the commands are sent
entity_is() {
  local value=$1 answer
  shift
  answer=$(ask 'GET entity' 'XREVRANGE events + - COUNT 1' "$@")
  [[ $answer =~ ^$value\ [0-9]+-[0-9]+\ v\ $value\  ]] || { say "not $value: $answer" && return 1; }
}

survives_cut() { # survives_cut BYTES
  put "$1" && "$mend" "$data" && start_redis_alone && entity_is 1 'FCALL bump 2 entity events' || return 1
  redis_kill
  "$mend" "$data" && start_redis_alone && entity_is 2 || return 1
  redis_kill
}

every_cut_survives() {
  local cut
  for ((cut = before + 1; cut < after; cut++)); do
    survives_cut "$cut" >"$shop_folder/said" 2>&1 || { say "cut $((cut - before)): $(cat "$shop_folder/said")" && return 1; }
  done
}

make_small_log() {
  mkdir -p "$data"
  start_redis_alone
  load_function
  redis fcall bump 2 entity events
  before=$(log_size)
  redis fcall bump 2 entity events
  after=$(log_size)
  redis_kill
  rm -rf "$whole"
  cp -r "$data/appendonlydir" "$whole"
  rm -rf "$data"
}

# --- Cuts ---

# Cuts of all kinds: within lines and values, between commands, within the last word.
some_cuts() { seq $((before + 1)) 61 $((after - 1)) && seq $((after - 4)) $((after - 1)); }

cuts_are_mended() {
  local cut wrong=0
  for cut in $(some_cuts); do
    rm -f "$log".torn-*
    head -c "$cut" "$whole/$name" >"$log"
    if ! "$mend" "$data" >"$shop_folder/said" 2>&1 || ! is_whole_up_to "$before" ||
      [ "$(kept_bytes)" -ne $((cut - before)) ] || ! grep -qF "$log ended within a transaction" "$shop_folder/said"; then
      say "cut at byte $cut of $before to $after: $(cat "$shop_folder/said"); $(log_size) bytes are left"
      wrong=1
    fi
  done
  return "$wrong"
}

redis_alone_refuses() {
  local cut status
  for cut in $(some_cuts); do
    put "$cut"
    status=0
    timeout 20 redis-server "$ORDERSHOP_SOURCE/deploy/redis/transactional.conf" --bind 127.0.0.1 --port "$(port_of redis)" \
      --dir "$data" >"$shop_folder/said" 2>&1 || status=$?
    if [ "$status" -ne 1 ] || ! grep -q 'Unexpected end of file' "$shop_folder/said"; then
      say "cut at byte $cut: status $status: $(tail -n 5 "$shop_folder/said")"
      return 1
    fi
  done
}

# Twice, with a customer in between: what was torn comes to life neither now nor then.
starts_twice() { # starts_twice BYTES
  put "$1"
  "$mend" "$data" && redis_start && state_equals_log && [ "$(redis scard customer_ids)" -eq 1 ] || return 1
  service_start customer
  wait_for_serving customer
  create_customer later || return 1
  service_stop customer
  redis_kill
  "$mend" "$data" && redis_start && state_equals_log && [ "$(redis scard customer_ids)" -eq 2 ] || return 1
  redis_stop
}

# --- What else may be there ---

mended_to() { # mended_to BYTES: and what is said names what was cut
  "$mend" "$data" >"$shop_folder/said" 2>&1 || { cat "$shop_folder/said" && return 1; }
  cat "$shop_folder/said"
  is_whole_up_to "$1"
}

nothing_to_mend() { [ -z "$("$mend" "$data" 2>&1)" ] && is_whole_up_to "$1"; }

zeros_are_cut_off() {
  put "$after" && head -c 5000 /dev/zero >>"$log" && mended_to "$after" &&
    put $((after - 30)) && head -c 5000 /dev/zero >>"$log" && mended_to "$before" &&
    put $((before + 8)) && head -c 5000 /dev/zero >>"$log" && mended_to "$before"
}

# damaged_at BYTE COMMAND...: what the command does to the log is refused, by file and byte, and is left as it is
damaged_at() {
  local byte=$1
  shift
  put "$after"
  "$@"
  cp "$log" "$shop_folder/damaged"
  ends_with 1 "$log is damaged at byte $byte: " "$mend" "$data" && cmp "$log" "$shop_folder/damaged" &&
    [ "$(find "$data/appendonlydir" -type f | wc -l)" -eq 3 ]
}

overwrite() { printf '%s' "$2" | dd of="$log" bs=1 seek="$1" conv=notrunc status=none; } # overwrite BYTE TEXT
append() { printf '%s' "$1" >>"$log"; }
offset_of() { grep -obaF -- "$1" "$whole/$name" | sed -n "${2:-1} s/:.*//p"; } # offset_of TEXT [WHICH]: its byte

# A length that is too great makes all that follows one value that the file ends in: no torn tail.
length_before() { # length_before BYTE: where the line "$<length>" before that byte begins
  head -c "$1" "$whole/$name" | grep -obaE '^\$[0-9]+' | tail -n 1 | cut -d : -f 1
}

# What that value swallows is a mebibyte of whole commands, the first of them with a zero byte.
swallow_many() {
  printf '*3\r\n\x243\r\nSET\r\n\x244\r\nzero\r\n\x241\r\n\0\r\n' >>"$log" # \x24 is a dollar sign
  yes $'*2\r\n$4\r\nINCR\r\n$4\r\nmany\r' | head -c $((24 * 40000)) >>"$log" || true # yes ends by SIGPIPE
  overwrite "$(($(length_before "$before") + 1))" 9999999
}

# Two files, as a rewrite leaves them that did not end.
put_two() { # put_two BYTES_OF_FIRST BYTES_OF_SECOND
  local second=$data/appendonlydir/appendonly.aof.2.incr.aof
  put "$1"
  head -c $((before + $2)) "$whole/$name" | tail -c "$2" >"$second"
  printf 'file %s seq 2 type i\n' "$(basename "$second")" >>"$data/appendonlydir/appendonly.aof.manifest"
}

only_the_last_file_is_cut() {
  put_two "$before" $((after - before - 10)) && "$mend" "$data" &&
    [ ! -s "$data/appendonlydir/appendonly.aof.2.incr.aof" ] && is_whole_up_to "$before" || return 1
  put_two $((before - 10)) $((after - before)) && ends_with 1 "$log is damaged.*another file follows" "$mend" "$data" &&
    is_whole_up_to $((before - 10))
}

a_missing_file_is_named() {
  put "$after" && rm "$log" && ends_with 1 "$log is missing" "$mend" "$data" && [ ! -e "$log" ]
}

a_manifest_that_is_none_is_named() {
  put "$after" && echo 'something else' >"$data/appendonlydir/appendonly.aof.manifest" &&
    ends_with 1 "appendonly.aof.manifest has a line that this script can't read: something else" "$mend" "$data"
}

# The one file of a Redis before 7.0: a snapshot, and commands behind it.
takes_the_file_of_an_older_redis() {
  local file=$data/appendonly.aof base
  base=$(stat -c %s "$whole/appendonly.aof.1.base.rdb")
  rm -rf "$data"
  mkdir "$data"
  cat "$whole/appendonly.aof.1.base.rdb" "$whole/$name" | head -c $((base + after - 20)) >"$file"
  "$mend" "$data" && [ "$(stat -c %s "$file")" -eq $((base + before)) ] && redis_start && state_equals_log && redis_stop
}

odd_folders_do() {
  local folder
  for folder in "$shop_folder/a b" "$shop_folder/\"'\\" "$shop_folder/-f *" "$shop_folder/ok_up_to=1"; do
    put $((after - 1)) "$folder"
    (cd "$shop_folder" && env CDPATH=. SHELLOPTS=noclobber:noglob "$mend" "./$(basename "$folder")") &&
      [ "$(stat -c %s "$folder/appendonlydir/$name")" -eq "$before" ] || return 1
    rm -rf "$folder"
  done
}

what_runs_is_not_touched() {
  put "$after" && redis_start && append '*3' && ends_with 1 "is being written: Redis runs in $data" "$mend" "$data" &&
    [ "$(log_size)" -eq $((after + 2)) ]
}

# shellcheck disable=SC2016 # for the shell inside
becomes_the_command() {
  local output
  put $((after - 1)) && output=$("$mend" "$data" bash -c 'echo "$1, $0"' first 'second third') &&
    [ "$(tail -n 1 <<<"$output")" = 'second third, first' ] && is_whole_up_to "$before" &&
    ends_with 7 '' "$mend" "$data" bash -c 'exit 7' &&
    append 'what?' && ends_with 1 damaged "$mend" "$data" touch "$shop_folder/begun" && [ ! -e "$shop_folder/begun" ]
}

# Root may write everywhere, and gives up that right here.
needs_to_write() {
  local as=()
  put $((after - 1)) && chmod a-w "$data/appendonlydir" || return 1
  [ "$(id -u)" -ne 0 ] || as=(setpriv --bounding-set=-all --inh-caps=-all)
  ends_with 1 "can't write to the folder" "${as[@]}" "$mend" "$data" && [ "$(log_size)" -eq $((after - 1)) ] || return 1
  chmod u+w "$data/appendonlydir"
}

# --- up.sh ---

export ORDERSHOP_HOME=$shop_folder/home
up() { ORDERSHOP_PORT_BASE=$shop_port_base ORDERSHOP_REDIS_PORT=$(port_of redis) "$ORDERSHOP_SOURCE/deploy/local/up.sh" --no-install "$@"; }
down() { ORDERSHOP_PORT_BASE=$shop_port_base ORDERSHOP_REDIS_PORT=$(port_of redis) "$ORDERSHOP_SOURCE/deploy/local/down.sh" "$@"; }
all_down() { down >/dev/null 2>&1; }
shop_at_end+=(all_down)
local_log() { find "$ORDERSHOP_HOME/redis/appendonlydir" -name '*.incr.aof'; }

up_mends_and_says_so() {
  up redis customer && create_customer torn && down || return 1
  truncate -s -7 "$(local_log)"
  up redis customer >"$shop_folder/said" 2>&1 || { cat "$shop_folder/said" && return 1; }
  grep 'ended within a transaction' "$shop_folder/said" && grep 'ended within a transaction' "$ORDERSHOP_HOME/log/redis.log" &&
    [ "$("$ORDERSHOP_BIN/ordershop" customer list --json | grep -c torn)" -eq 0 ] && create_customer mended && down
}

up_stops_at_what_is_damaged() {
  printf 'what?' >>"$(local_log)"
  ends_with 1 "Redis is not started: $(local_log) is damaged at byte" up redis && ends_with 0 Nothing down
}

shop_prepare
make_small_log >/dev/null
expect "a log cut at any byte of a transaction, two starts: state and event are equal" every_cut_survives
say "a transaction of $((after - before)) bytes: $SECONDS s"
rm -rf "$data" "$whole"

redis_start
service_start customer
wait_for_serving customer
create_customer first >/dev/null
before=$(log_size)
create_customer second >/dev/null
after=$(log_size)
service_stop customer
redis_kill
cp -r "$data/appendonlydir" "$whole"
say "a customer's creation is $((after - before)) bytes of the log"

put "$after"
expect "a whole log is left alone" nothing_to_mend "$after"
expect "a log cut within a command of the shop loses all of that, which is kept" cuts_are_mended
expect "Redis alone refuses what is torn" redis_alone_refuses
for cut in $((before + 1)) $(((before + after) / 2)) $((after - 1)); do
  expect "cut at byte $((cut - before)) of $((after - before)), two starts keep state and events equal" starts_twice "$cut"
done
put "$before"
expect "a log cut between two transactions is whole" nothing_to_mend "$before"
expect "zero bytes behind are cut off" zeros_are_cut_off
expect "other bytes behind are damage" damaged_at "$after" append $'what?\r\n'
expect "a line that is none is damage" damaged_at "$before" overwrite "$before" x
expect "a length that is too great is damage, not a torn tail" \
  damaged_at "[0-9]*" overwrite "$(($(length_before "$before") + 1))" 9999
expect "so it is where it swallows much" damaged_at "[0-9]*" swallow_many
expect "a transaction that an earlier version left open is damage" damaged_at "[0-9]*" overwrite "$(offset_of EXEC)" EXES
expect "of two files only the last one is cut" only_the_last_file_is_cut
expect "a file that is missing is named" a_missing_file_is_named
expect "a manifest that is none is named" a_manifest_that_is_none_is_named
expect "the file of an older Redis is mended, and loaded" takes_the_file_of_an_older_redis
expect "odd folders do, and an odd environment" odd_folders_do
expect "the file of a Redis that runs is not touched" what_runs_is_not_touched
redis_kill
expect "it becomes the command when all is well, and only then" becomes_the_command
expect "nothing is cut off that can't be kept" needs_to_write
expect "a folder that is none is named" ends_with 1 "can't look into the folder $shop_folder/none" "$mend" "$shop_folder/none"
expect "an empty folder is fine" "$mend" "$(mktemp -d "$shop_folder/empty.XXX")"
expect "up.sh mends before it starts Redis, and says so" up_mends_and_says_so
expect "up.sh starts no Redis on what is damaged" up_stops_at_what_is_damaged
shop_done
