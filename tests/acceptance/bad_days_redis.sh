#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Bad days of up.sh and Redis: each gives one clear sentence and a non-zero exit, and leaves nothing half-started.

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

scripts=$ORDERSHOP_SOURCE/deploy/local
reserve_ports
export ORDERSHOP_HOME=$shop_folder/home ORDERSHOP_PORT_BASE=$shop_port_base
ORDERSHOP_REDIS_PORT=$(port_of redis)
export ORDERSHOP_REDIS_PORT
squatter=''

all_down() {
  env -u ORDERSHOP_REDIS_URL "$scripts/down.sh" >/dev/null 2>&1
  [ -z "$squatter" ] || kill "$squatter" 2>/dev/null
}
shop_at_end+=(all_down)

up() { "$scripts/up.sh" --no-install "$@"; }
cli() { "$scripts/redis-cli.sh" "$@"; }

# One line, and that is it: nothing was begun.
ends_with_one_line() { # ends_with_one_line PATTERN COMMAND...
  local pattern=$1 status=0 output
  shift
  output=$("$@" 2>&1) || status=$?
  printf '%s\n(exit status %s)\n' "$output" "$status"
  [ "$status" -ne 0 ] && [ "$(wc -l <<<"$output")" -eq 1 ] && grep -q -- "$pattern" <<<"$output"
}

nothing_runs() {
  [ -z "$(find "$ORDERSHOP_HOME/run" -name '*.pid' 2>/dev/null)" ] &&
    port_is_free "$(port_of redis)" && port_is_free "$(port_of customer)"
}

# A PATH without some programs: links to all the others.
path_without() { # path_without PATTERN
  local folder=$shop_folder/without-$1
  mkdir -p "$folder"
  find -L /usr/bin /bin -maxdepth 1 -type f -executable ! -name "$1" -exec ln -sf -t "$folder" {} + 2>/dev/null || true
  echo "$folder"
}

printf file >"$shop_folder/file"
expect "a home that can't be made" ends_with_one_line "can't make the folder $shop_folder/file/home" \
  env ORDERSHOP_HOME="$shop_folder/file/home" "$scripts/up.sh" --no-install
mkdir -p "$shop_folder/half"
printf file >"$shop_folder/half/redis"
expect "a folder in it that can't be written" ends_with_one_line "can't write to the folder $shop_folder/half/redis" \
  env ORDERSHOP_HOME="$shop_folder/half" "$scripts/up.sh" --no-install
expect "no redis-server" ends_with_one_line "there is no redis-server: install" \
  env PATH="$(path_without "*-server")" "$scripts/up.sh" --no-install
expect "no executables" ends_with_one_line "there is no ordershop in /nowhere: set ORDERSHOP_BIN" \
  env ORDERSHOP_BIN=/nowhere "$scripts/up.sh" --no-install
expect "a Redis address that is none" ends_with_one_line "ORDERSHOP_REDIS_URL must be" \
  env ORDERSHOP_REDIS_URL=redis://:secret@host "$scripts/up.sh" --no-install
expect "which does not repeat a password" \
  ends_with_one_line '^[^s]*up.sh: ORDERSHOP_REDIS_URL' env ORDERSHOP_REDIS_URL=redis://a:hunter2@host "$scripts/up.sh"

mkdir -p "$shop_folder/tree/deploy"
cp -r "$ORDERSHOP_SOURCE/deploy/local" "$ORDERSHOP_SOURCE/deploy/redis" "$ORDERSHOP_SOURCE"/deploy/services.* \
  "$shop_folder/tree/deploy"
mv "$shop_folder/tree/deploy/redis/transactional.conf" "$shop_folder/transactional.conf"
expect "Redis' configuration is missing" ends_with_one_line "can't read Redis' configuration" \
  "$shop_folder/tree/deploy/local/up.sh" --no-install
sed 's/^appendonly yes/appendonly perhaps/' "$shop_folder/transactional.conf" \
  >"$shop_folder/tree/deploy/redis/transactional.conf"
expect "Redis' configuration is wrong" ends_with 1 "redis has ended right after its start" \
  "$shop_folder/tree/deploy/local/up.sh" --no-install
expect "and nothing runs after all of these" nothing_runs

/usr/bin/python3 -c 'import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(1000)' "$(port_of redis)" &
squatter=$!
wait_until 60 eval "! port_is_free $(port_of redis)"
expect "Redis' port is taken" ends_with_one_line "port $(port_of redis), which redis needs, is taken by python3" up redis
kill $squatter
wait $squatter 2>/dev/null || true
squatter=''

expect "a service whose address is no address starts nothing" ends_with 1 "ORDERSHOP_REQUEST_HOURS" \
  env ORDERSHOP_REQUEST_HOURS=never "$scripts/up.sh" --no-install redis customer
expect "and Redis, which that run had started, is down again" nothing_runs

expect "Redis and customer start" up redis customer
expect "redis-cli.sh writes nothing" ends_with 0 NOPERM cli set customer_x kept
expect "but what is a service's own, as that" ends_with 0 OK cli --as customer set customer_x kept
expect "redis-cli.sh reads" ends_with 0 kept cli get customer_x
expect "redis-cli.sh knows no other users" ends_with 1 "there is no user 'nobody'" cli --as nobody ping
no_argument_is_a_password() {
  ! cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -Ff <(cat "$ORDERSHOP_HOME"/redis/users/*.password)
}
expect "passwords are in no argument of a process" no_argument_is_a_password

expect "a service whose port is taken says so in one line" ends_with_one_line "Can't listen on $(address_of customer)" \
  env ORDERSHOP_LISTEN="$(address_of customer)" ORDERSHOP_LOG_LEVEL=error "$ORDERSHOP_BIN/ordershop-customer"
expect "a mail folder that can't be made is told" ends_with 1 "$shop_folder/file/mail" \
  env ORDERSHOP_MAIL_FOLDER="$shop_folder/file/mail" "$scripts/up.sh" --no-install mail
expect "a password file that is missing is told by a service, too" ends_with_one_line "$shop_folder/none" \
  env ORDERSHOP_REDIS_PASSWORD_FILE="$shop_folder/none" "$ORDERSHOP_BIN/ordershop-customer"

expect "status.sh of another home says that the ports are another's" \
  ends_with 1 "port $(port_of customer) of customer is taken by ordershop-custo" \
  env ORDERSHOP_HOME="$shop_folder/other" "$scripts/status.sh"
is_unreachable_there() {
  { ORDERSHOP_HOME=$shop_folder/other "$scripts/status.sh" || true; } |
    awk '$1 == "customer" && $4 == "stopped" && $5 == "UNREACHABLE" { found = 1 } END { exit !found }'
}
expect "and does not take their health for its own" is_unreachable_there

# The same Redis, as somebody else's.
url=redis://127.0.0.1:$(port_of redis)
customer_password=$ORDERSHOP_HOME/redis/users/customer.password
"$scripts/down.sh" customer >/dev/null
foreign() { env ORDERSHOP_REDIS_URL="$url" "$@" "$scripts/up.sh" --no-install customer; }
expect "a Redis of one's own that wants a password" ends_with_one_line "wants a password: set ORDERSHOP_REDIS_PASSWORD_FILE" foreign
echo wrong >"$shop_folder/wrong"
expect "a password that is wrong" ends_with_one_line "refuses the user or the password" \
  foreign ORDERSHOP_REDIS_URL="redis://customer@127.0.0.1:$(port_of redis)" ORDERSHOP_REDIS_PASSWORD_FILE="$shop_folder/wrong"
expect "a password file that is missing" ends_with_one_line "can't read a password from $shop_folder/none" \
  foreign ORDERSHOP_REDIS_PASSWORD_FILE="$shop_folder/none"
expect "a folder of users that has none" ends_with_one_line "operator.password: make it with deploy/redis/make_users.sh" \
  foreign ORDERSHOP_REDIS_USERS="$shop_folder/nobody"
expect "nobody at that address" ends_with_one_line "does not answer" foreign ORDERSHOP_REDIS_URL="redis://127.0.0.1:$(spare_port)"
expect "the right user and password start the service" \
  foreign ORDERSHOP_REDIS_URL="redis://customer@127.0.0.1:$(port_of redis)" ORDERSHOP_REDIS_PASSWORD_FILE="$customer_password"
"$scripts/down.sh" customer >/dev/null
expect "so does a folder of users" foreign ORDERSHOP_REDIS_USERS="$ORDERSHOP_HOME/redis/users"
"$scripts/down.sh" customer >/dev/null

# The same one, behind a sentinel.
sentinel_port=$(spare_port)
printf 'bind 127.0.0.1\nport %s\ndir "%s"\nsentinel monitor shop 127.0.0.1 %s 1\nsentinel auth-user shop sentinel\nsentinel auth-pass shop %s\n' \
  "$sentinel_port" "$shop_folder" "$(port_of redis)" "$(cat "$ORDERSHOP_HOME/redis/users/sentinel.password")" >"$shop_folder/sentinel.conf"
launch sentinel redis-server "$shop_folder/sentinel.conf" --sentinel
sentinel_answers() { [ "$(redis-cli -p "$sentinel_port" ping 2>/dev/null)" = PONG ]; }
wait_until 10 sentinel_answers
behind_sentinels() { # behind_sentinels HOST:PORT,... COMMAND...
  local places=$1
  shift
  env ORDERSHOP_REDIS_URL="redis+sentinel://$places/shop" ORDERSHOP_REDIS_USERS="$ORDERSHOP_HOME/redis/users" "$@"
}
expect "nobody in the sentinels' place" ends_with_one_line "does not answer" \
  behind_sentinels 127.0.0.1:1 "$scripts/up.sh" --no-install customer
expect "a sentinel leads to the Redis, past one that is dead" \
  behind_sentinels "127.0.0.1:1,127.0.0.1:$sentinel_port" "$scripts/up.sh" --no-install customer
expect "and the scripts ask that" ends_with 0 kept behind_sentinels "127.0.0.1:$sentinel_port" "$scripts/redis-cli.sh" get customer_x
"$scripts/down.sh" customer >/dev/null

# A home from before there were users.
"$scripts/down.sh" >/dev/null
rm -rf "$ORDERSHOP_HOME/redis/users"
expect "a home without users gets them" up redis customer
expect "and has its data" ends_with 0 kept cli get customer_x

# Passwords made anew.
rm "$ORDERSHOP_HOME"/redis/users/customer.password
"$scripts/down.sh" customer >/dev/null
expect "a password that was removed is made anew, for a Redis that runs too" up customer
"$scripts/down.sh" >/dev/null
expect "nothing is left" nothing_runs
say "$shop_passed passed, $shop_failed failed"
[ $shop_failed -eq 0 ]
