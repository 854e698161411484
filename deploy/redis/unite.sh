#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Makes one backup of a shop whose services have Redises of their own: a shop restored from it has one Redis again.
#
#   unite.sh FILE --of SERVICE HOST:PORT USERS [--of SERVICE HOST:PORT USERS ...]
#
#   FILE     is made whole or not at all and must not exist yet: for restore.sh, as one of backup.sh. It holds customers' data:
#            only its owner can read it
#   SERVICE  each of the shop's that owns something, once; several may have the same Redis
#   USERS    the folder that make_users.sh has made for that Redis: with its users operator and replica this script looks
#            there, and saves what is there. Services of your own that it knows (services.txt) come along
#
# All services must be stopped; the Redises run, and nothing in them is changed. Of each the keys of its services are taken, and
# others that it has of before are left. The log has one clock then, the latest of all, with a new epoch. What consumers have applied of
# each stream they go on from; what they had not handled yet they handle in the new Redis.
#
# Beside FILE it needs room for a copy of all data three times over, and as much memory as the new Redis will have.
# Exit status: 0 done; 1 not, and said why; 2 misuse.

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

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../services.sh
. "$here/../services.sh"

say() { printf '%s\n' "$*"; }
fail() {
  printf 'unite.sh: %s\n' "$*" >&2
  exit 1
}
misuse() {
  printf 'unite.sh: %s; see unite.sh --help\n' "$*" >&2
  exit 2
}

# --- What was asked for ---

# By service: its place, HOST:PORT. By place: the folder of its users. Places in the order in which they were named.
declare -A place_of users_of
places=()

add_place() { # add_place SERVICE PLACE USERS
  [[ $2 =~ ^(.+):[0-9]+$ ]] || misuse "'$2' is not HOST:PORT"
  [ -z "${place_of[$1]:-}" ] || misuse "$1 is named twice"
  place_of[$1]=$2
  if [ -z "${users_of[$2]:-}" ]; then
    places+=("$2")
    users_of[$2]=$(realpath -e -- "$3" 2>/dev/null) || fail "there is no folder $3"
  fi
}

# What make_users.sh was told of that Redis.
remembered() { # remembered USERS WORD
  local word value
  while read -r word value; do
    [ "$word" != "$2" ] || { printf '%s' "$value" && return; }
  done <"$1/keys.txt"
}

# All have the same prefix and clock key, or the services would not find each other's streams.
read_keys() {
  local place clock first=${users_of[${places[0]}]}
  for place in "${places[@]}"; do
    [ -r "${users_of[$place]}/keys.txt" ] || fail "can't read ${users_of[$place]}/keys.txt: is it a folder that make_users.sh has made?"
  done
  prefix=$(remembered "$first" prefix) clock=$(remembered "$first" clock)
  clock_key=$prefix$clock
  for place in "${places[@]}"; do
    [ "$(remembered "${users_of[$place]}" prefix)$(remembered "${users_of[$place]}" clock)" = "$clock_key" ] ||
      fail "the Redis at $place has another key for the clock than that at ${places[0]}: ${users_of[$place]}/keys.txt"
  done
}

# Puts a row for each service, those of one's own included, into `rows`, and says where these lie.
read_services() {
  local place lists=("$services_list") name owns
  for place in "${places[@]}"; do
    [ ! -e "${users_of[$place]}/services.txt" ] || lists+=("${users_of[$place]}/services.txt")
  done
  rows=$(service_rows "${lists[@]}") || fail "the lists of services don't go together"
  for place in "${places[@]}"; do
    [ -e "${users_of[$place]}/services.txt" ] || continue
    while read -r name _; do place_of[$name]=$place; done < <(sed '/^ *\(#\|$\)/d' "${users_of[$place]}/services.txt")
  done
  for name in "${!place_of[@]}"; do
    grep "^$name " <<<"$rows" >/dev/null || misuse "there is no service '$name'"
  done
  while read -r name _ owns _; do
    [ "$owns" = - ] || [ -n "${place_of[$name]:-}" ] || misuse "$name owns $owns: --of $name is missing"
  done <<<"$rows"
}

# --- The Redises, as they are ---

password_of() { # password_of PLACE USER
  local password=
  { IFS= read -r password <"${users_of[$1]}/$2.password"; } 2>/dev/null || [ -n "$password" ] ||
    fail "can't read a password from ${users_of[$1]}/$2.password"
  printf '%s' "$password"
}

ask() { # ask PLACE ARGUMENT...
  local password
  password=$(password_of "$1" operator)
  REDISCLI_AUTH=$password timeout 30 "$cli" --no-auth-warning --user operator -h "${1%:*}" -p "${1##*:}" "${@:2}" </dev/null
}

# Fails if a service has a connection: it might write what this script does not take along.
require_stopped_services() {
  local place clients name
  for place in "${places[@]}"; do
    clients=$(ask "$place" CLIENT LIST 2>&1) || true
    [[ $clients == id=* ]] || fail "the Redis at $place does not answer user operator: $clients"
    while read -r name _; do
      [[ " ${clients//$'\n'/ } " != *" user=$name "* ]] || fail "$name is connected to $place: stop all services first; nothing is done"
    done <<<"$rows"
  done
}

# All at once: Redis waits some seconds for further ones before it hands its data over.
save_all() {
  local place saving=() pid failed=''
  for place in "${places[@]}"; do
    "$here/backup.sh" --host "${place%:*}" --port "${place##*:}" --password-file "${users_of[$place]}/replica.password" \
      "$scratch/$place.rdb" >/dev/null &
    saving+=($!)
  done
  for pid in "${saving[@]}"; do wait "$pid" || failed=yes; done
  [ -z "$failed" ] || fail "not all is saved; nothing is done"
}

# --- Servers of this script's own ---

# They listen at a socket in their own folder alone, whose path would be too long for the system if it were not relative.
start_server() { # start_server [FILE]: with what is in it
  (cd "$scratch" && rm -rf data && mkdir data && { [ $# -eq 0 ] || mv -- "$1" data/dump.rdb; })
  (cd "$scratch" && exec "$server" --port 0 --unixsocket socket --unixsocketperm 700 --dir data --save '' --appendonly no \
    --aof-use-rdb-preamble no --daemonize no </dev/null >>server.log 2>&1) &
  server_pid=$!
  until [ "$(own PING 2>/dev/null)" = PONG ]; do
    kill -0 $server_pid 2>/dev/null || fail "$server does not start: $(tail -n 1 "$scratch/server.log")"
    sleep 0.05
  done
}

own() { (cd "$scratch" && exec "$cli" -s data/socket "$@" </dev/null); }

own_script() { # own_script SCRIPT ARGUMENT...: what it answers
  local answer
  answer=$(own -e EVAL "$1" 0 "${@:2}" 2>&1) || fail "$answer"
  printf '%s' "$answer"
}

# Of those that expire some may, meanwhile.
count_lasting_keys() {
  own INFO keyspace | tr -d '\r' | awk -F '[=,]' '/^db0:/ { lasting = $2 - $4 } END { print lasting + 0 }'
}

end_server() {
  [ -n "$server_pid" ] || return 0
  kill -TERM $server_pid 2>/dev/null || true
  wait $server_pid 2>/dev/null || true
  server_pid=
}

clean_up() {
  end_server
  rm -rf -- "$scratch"
}

# --- Taking out what belongs to the services of a Redis ---

# Answers the clock. ARGV: the clock's key, then what keys begin with that stay.
keep_own='
  local clock, cursor = redis.call("GET", ARGV[1]), "0"
  local function is_own(key)
    for i = 2, #ARGV do if string.sub(key, 1, #ARGV[i]) == ARGV[i] then return true end end
  end
  repeat
    local page = redis.call("SCAN", cursor, "COUNT", 1000)
    cursor = page[1]
    for _, key in ipairs(page[2]) do
      if not is_own(key) then redis.call("DEL", key) end
    end
  until cursor == "0"
  return clock or ""'

# What the keys of the services at a place begin with, a line each.
list_beginnings() { # list_beginnings PLACE
  local name owns entity
  while read -r name _ owns _; do
    [ "${place_of[$name]:-}" = "$1" ] || continue
    printf '%s\n' "$prefix${name}_"
    [ "$owns" != - ] || continue
    for entity in ${owns//,/ }; do printf '%s\n' "$prefix${entity}_" "${prefix}events:${entity}_"; done
  done <<<"$rows"
}

is_rewritten() { [[ $(own INFO persistence) == *aof_rewrite_in_progress:0*aof_rewrite_scheduled:0* ]]; }

# Writes the place's keys as commands into $scratch/NUMBER.aof, and adds to `clocks` and `lasting_keys`.
take_out() { # take_out NUMBER PLACE
  local beginnings clock keys
  mapfile -t beginnings < <(list_beginnings "$2")
  start_server "$2.rdb"
  clock=$(own_script "$keep_own" "$clock_key" "${beginnings[@]}")
  [[ $clock =~ ^[0-9]+-[0-9]+\ [0-9a-f]+$ ]] || fail "the Redis at $2 has no clock $clock_key: is it of this shop?"
  [ "$(ask "$2" GET "$clock_key")" = "$clock" ] || fail "the Redis at $2 was written to meanwhile; nothing is done"
  clocks+=("${clock% *}")
  keys=$(count_lasting_keys)
  lasting_keys=$((lasting_keys + keys))
  own FUNCTION FLUSH >/dev/null # services load them where they are missing
  own BGREWRITEAOF >/dev/null
  until is_rewritten; do sleep 0.05; done
  mv -- "$scratch"/data/appendonlydir/*.base.aof "$scratch/$1.aof" || fail "can't write to the folder of $file: $(tail -n 1 "$scratch/server.log")"
  end_server
  say "$2: $keys keys"
}

# --- Putting them together ---

put_in() { # put_in NUMBER
  local said
  said=$(cd "$scratch" && "$cli" -s data/socket --pipe <"$1.aof" 2>&1) || fail "$said"
  [[ $said == *"errors: 0,"* ]] || fail "$said"
  rm -- "$scratch/$1.aof"
}

# ARGV: prefix, service, then entities that lay in another Redis. Consumers of these had no groups there, but counted.
set_positions='
  local positions = ARGV[1] .. ARGV[2] .. "_position"
  local was_elsewhere, counts, streams = {}, {}, {}
  for i = 3, #ARGV do was_elsewhere[ARGV[i]] = true end
  local fields = redis.call("HGETALL", positions)
  for i = 1, #fields, 2 do
    local word, of = string.match(fields[i], "^(%a+):(.*)$")
    if word == "count" then counts[of] = fields[i + 1] end
    if not word and fields[i] ~= "log" and fields[i] ~= "epoch" and fields[i] ~= "accepted" then
      streams[fields[i]] = fields[i + 1]
    else
      redis.call("HDEL", positions, fields[i])
    end
  end
  -- How many entries were ever read up to that one; -1 where nobody knows.
  local function entries_read(key, name, id)
    local sight = redis.call("XINFO", "STREAM", key)
    local told = {}
    for i = 1, #sight, 2 do told[sight[i]] = sight[i + 1] end
    if told["last-generated-id"] == id then return told["entries-added"] end
    if told["entries-added"] > told["length"] and counts[name] then return counts[name] end
    return -1
  end
  for name, id in pairs(streams) do
    local key = ARGV[1] .. "events:" .. name
    if was_elsewhere[string.match(name, "^(.*)_")] and redis.call("EXISTS", key) == 1 then
      local read = entries_read(key, name, id)
      local made = redis.pcall("XGROUP", "CREATE", key, ARGV[2], id, "ENTRIESREAD", read)
      if made.err then redis.call("XGROUP", "SETID", key, ARGV[2], id, "ENTRIESREAD", read) end
    end
  end
  return ""'

# The entities whose streams a service has read in other Redises than its own, a line each.
list_entities_elsewhere() { # list_entities_elsewhere SERVICE
  local owner owns
  while read -r owner _ owns _; do
    [ "$owns" = - ] || [ "${place_of[$owner]}" = "${place_of[$1]}" ] || printf '%s\n' "${owns//,/$'\n'}"
  done <<<"$rows"
}

set_all_positions() {
  local name reads entities
  while read -r name _ _ reads _; do
    [[ $reads != @(-|all) && -n ${place_of[$name]:-} ]] || continue
    mapfile -t entities < <(list_entities_elsewhere "$name")
    own_script "$set_positions" "$prefix" "$name" "${entities[@]}" >/dev/null
  done <<<"$rows"
}

set_clock() {
  local latest epoch
  latest=$(printf '%s\n' "${clocks[@]}" | sort -t - -k 1,1n -k 2,2n | tail -n 1)
  epoch=$(od -An -v -N8 -tx1 /dev/urandom | tr -d ' \n')
  own SET "$clock_key" "$latest $epoch" >/dev/null
}

require_all_keys() {
  local is
  is=$(count_lasting_keys)
  [ "$is" -eq $((lasting_keys + 1)) ] || fail "there are $is keys, but $lasting_keys and the clock should be: nothing is made"
}

write_file() {
  [ "$(own SAVE)" = OK ] || fail "can't write to the folder of $file: $(tail -n 1 "$scratch/server.log")"
  "${cli%cli}check-rdb" "$scratch/data/dump.rdb" >/dev/null || fail "what was written is not whole"
  sync "$scratch/data/dump.rdb"
  ln -- "$scratch/data/dump.rdb" "$file" 2>/dev/null || fail "$file exists already; choose another name"
}

# --- Main ---

file=''
while [ $# -gt 0 ]; do
  case $1 in
  -h | --help)
    sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
    exit 0
    ;;
  --of)
    [ $# -ge 4 ] || misuse "--of needs a service, HOST:PORT and the folder of its users"
    add_place "$2" "$3" "$4"
    shift 3
    ;;
  -*) misuse "unknown option '$1'" ;;
  *)
    [ -z "$file" ] || misuse "one file, not '$file' and '$1'"
    file=$1
    ;;
  esac
  shift
done
[ -n "$file" ] || misuse "where to? Name a file"
[ ${#places[@]} -gt 0 ] || misuse "of which Redises?"
[[ $file == /* ]] || file=$PWD/$file
[ ! -e "$file" ] || fail "$file exists already; choose another name"
cli=$(command -v redis-cli || command -v valkey-cli) ||
  fail "there is no redis-cli: install the package redis-tools, or valkey-tools"
server=$(command -v redis-server || command -v valkey-server) ||
  fail "there is no redis-server: install the package redis-server, or valkey-server"
read_keys
read_services
umask 077
scratch=$(mktemp -d "$(dirname -- "$file")/.unite.XXXXXX" 2>/dev/null) || fail "can't write to the folder of $file"
server_pid='' clocks=() lasting_keys=0
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

require_stopped_services
save_all
require_stopped_services
for number in "${!places[@]}"; do take_out "$number" "${places[number]}"; done
start_server
for number in "${!places[@]}"; do put_in "$number"; done
set_clock
require_all_keys
set_all_positions
write_file
say "$file: $((lasting_keys + 1)) keys, $(stat -c %s "$file") bytes"
