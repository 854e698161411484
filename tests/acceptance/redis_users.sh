#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# deploy/redis/users.acl: each service works as its own Redis user, with the default user off as it is shipped, and is
# refused what is not its own; a user that lacks a right is told clearly, and the service is back when it was mended.

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

users=$shop_folder/users

# As shipped: nobody may do everything here, not even the test.
make_users() { "$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$users"; }

as() { # as USER COMMAND...
  local user=$1 password=any
  shift
  [ ! -e "$users/$user.password" ] || password=$(cat "$users/$user.password")
  REDISCLI_AUTH=$password redis-cli --no-auth-warning -h 127.0.0.1 -p "$(port_of redis)" --user "$user" "$@" 2>&1
}

redis() { as operator "$@"; }

is_refused() { [[ $(as "$@") == *NOPERM* ]]; }

says() { # says PATTERN COMMAND...
  local pattern=$1 output
  shift
  output=$("$@" 2>&1) || true
  printf '%s\n' "$output"
  [[ $output == *$pattern* ]]
}

# DEBUG is refused by the configuration, before anybody's rights.
readonly refusal='NOPERM\|ERR DEBUG command not allowed'

# All in one connection, an answer a line.
all_are_refused() { # all_are_refused USER FILE: commands, one a line
  as "$1" <"$2" | sed '/^$/d' >"$shop_folder/answers"
  paste -d '\t' "$2" "$shop_folder/answers" | grep -v "$refusal" | sed "s/^/allowed to $1: /"
  [ "$(grep -c "$refusal" "$shop_folder/answers")" -eq "$(wc -l <"$2")" ]
}

all_are_allowed() { # all_are_allowed USER FILE
  as "$1" <"$2" >"$shop_folder/answers"
  cat "$shop_folder/answers"
  ! grep '^[A-Z]*ERR\|NOPERM\|WRONGTYPE' "$shop_folder/answers"
}

# What no service may do, whoever it is.
forbidden_to_all() {
  cat <<'COMMANDS'
KEYS *
CONFIG GET *
CONFIG SET appendonly no
FLUSHALL
FLUSHDB
DEBUG SLEEP 0
SHUTDOWN NOSAVE
ACL LIST
ACL SETUSER default on nopass
ACL LOAD
EVAL return 1 0
SCRIPT FLUSH
FUNCTION FLUSH
FUNCTION DELETE x
MONITOR
REPLICAOF NO ONE
SAVE
BGREWRITEAOF
CLIENT LIST
CLIENT KILL ID 1
SELECT 1
SWAPDB 0 1
MODULE LIST
PUBLISH channel x
SUBSCRIBE channel
INFO
DBSIZE
RANDOMKEY
GET foreign
SET foreign 1
DEL ordershop_clock
COMMANDS
}

# What is another service's, and what of its own log not even its owner may do.
forbidden_to() { # forbidden_to SERVICE OWN-ENTITY
  local other
  for other in "${shop_services[@]}"; do
    [ "$other" != "$1" ] || continue
    printf '%s\n' "HGETALL ${other}_entity:1" "HGET ${other}_entity:1 _entity" "HSET ${other}_entity:1 a b" \
      "DEL ${other}_entity:1" "SADD ${other}_ids 1" "SET ${other}_lease x" "GET ${other}_request:1" \
      "HSET ${other}_position log 0-0" "RPUSH ${other}_outbox x" "XADD events:${other}_created * a b" \
      "XDEL events:${other}_created 1-1" "XTRIM events:${other}_created MAXLEN 0" "DEL events:${other}_created" \
      "XSETID events:${other}_created 9-9" "XGROUP DESTROY events:${other}_created ${other}"
  done
  printf '%s\n' "XDEL events:${2}_created 1-1" "XTRIM events:${2}_created MAXLEN 0" "DEL events:${2}_created" \
    "RENAME events:${2}_created ${2}_x" "SET events:${2}_created x" "EXPIRE events:${2}_created 1" \
    "XSETID events:${2}_created 9-9" "COPY events:${2}_created ${2}_x" "XREADGROUP GROUP g c STREAMS events:${2}_created >"
}

# The streams that a service does not subscribe to, as entities.
foreign_streams_of() {
  local entity
  for entity in $(service_rows | cut -d ' ' -f 3 | tr ',' ' '); do
    [[ " $(service_column "$1" 3) $(service_column "$1" 4) " == *" $entity "* ]] || printf '%s ' "$entity"
  done
}

# Its own stream of interactions crm may read, though not by XREAD.
cannot_read_streams() { # cannot_read_streams SERVICE ENTITY...
  local service=$1 entity
  shift
  for entity in "$@"; do
    printf '%s\n' "XREAD STREAMS events:${entity}_created 0" "XGROUP CREATE events:${entity}_created $service 0"
  done >"$shop_folder/forbidden"
  all_are_refused "$service" "$shop_folder/forbidden"
}

# A function does nothing that its caller may not.
cannot_by_function() {
  local answer
  as "$1" -x FUNCTION LOAD <<<$'#!lua name=trick\nredis.register_function("trick", function(k) return redis.call("SET", k[1], "x") end)' >/dev/null
  answer=$(as "$1" FCALL trick 1 "$2")
  echo "$answer"
  [[ $answer == *"can't access"* || $answer == *"No permissions"* ]]
}

shop_start
expect "the shop plays its demo with each service as its own user" "$ORDERSHOP_BIN/ordershop" demo
expect "nobody was refused anything" test -z "$(redis acl log)"
expect "without a name nobody comes in" says NOAUTH redis-cli -p "$(port_of redis)" ping
expect "nor as the default user" says WRONGPASS as default ping
expect "a wrong password is refused" says WRONGPASS redis-cli -p "$(port_of redis)" --user crm --pass wrong ping
expect "passwords are for their owner only" test "$(stat -c %a "$users"/*.password | sort -u)" = 600
expect "the probe answers with any password" says PONG as probe ping
expect "and may nothing else" is_refused probe get x

expect "a backup is made as user replica" "$ORDERSHOP_SOURCE/deploy/redis/backup.sh" --port "$(port_of redis)" \
  --password-file "$users/replica.password" "$shop_folder/backup.rdb"

# What one who reads all streams may not: to see entities, and to write anything, its own name's keys included.
forbidden_to_observers() {
  local other
  for other in "${shop_services[@]}"; do
    printf '%s\n' "HGETALL ${other}_entity:1" "SMEMBERS ${other}_ids" "GET ${other}_request:1" "SET ${other}_lease x" \
      "HSET ${other}_position log 0-0" "LRANGE ${other}_outbox 0 9" "LRANGE ${other}_parked:1 0 9" \
      "XADD events:${other}_created * a b" "XDEL events:${other}_created 1-1" "XTRIM events:${other}_created MAXLEN 0" \
      "DEL events:${other}_created" "XGROUP CREATE events:${other}_created event 0" \
      "XREADGROUP GROUP ${other} c STREAMS events:${other}_created >"
  done
  printf '%s\n' "SET event_x 1" "DEL event_x" "SET ordershop_clock x" "FCALL trick 1 event_x" "FUNCTION LIST"
}

for service in "${shop_services[@]}"; do
  entity=$(service_column "$service" 3)
  if [ "$(service_column "$service" 4)" = all ]; then
    { forbidden_to_all && forbidden_to_observers; } >"$shop_folder/forbidden"
    expect "$service is refused all but to read the log" all_are_refused "$service" "$shop_folder/forbidden"
    continue
  fi
  forbidden_to_all >"$shop_folder/forbidden"
  expect "$service is refused what is for operators" all_are_refused "$service" "$shop_folder/forbidden"
  forbidden_to "$service" "$entity" >"$shop_folder/forbidden"
  expect "$service is refused what is other services', and to change its log" \
    all_are_refused "$service" "$shop_folder/forbidden"
  expect "$service reads no stream that it does not subscribe to" \
    eval "cannot_read_streams $service $(foreign_streams_of "$service")"
  expect "$service writes no foreign key by a function" cannot_by_function "$service" foreign
done

# A service of one's own, beside the shop's.
add_users() { # add_users ARGUMENT...: of make_users.sh
  "$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$users" "$@" && [ "$(redis acl load)" = OK ]
}
guestbook_does_its_work() {
  printf '%s\n' "HSET guestbook_entity:1 a b" "SADD comment_ids 1" "HMGET guestbook_points a" "LRANGE guestbook_outbox 0 9" \
    "XADD events:guestbook_created * a b" "XGROUP CREATE events:order_created guestbook$RANDOM 0" "XADD events:comment_updated * a b" "XREAD STREAMS events:order_created 0" \
    "GET ordershop_clock" >"$shop_folder/allowed"
  all_are_allowed guestbook "$shop_folder/allowed"
}
refused_users() { # refused_users PATTERN ARGUMENT...: says that, and changes nothing
  local pattern=$1 before
  shift
  before=$(cat "$users/users.acl" "$users/services.txt")
  ends_with 1 "$pattern" "$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$users" "$@" &&
    [ "$(cat "$users/users.acl" "$users/services.txt")" = "$before" ] && [ -z "$(find "$users" -name '.making*')" ]
}
expect "a service of one's own gets a user" add_users --service guestbook --owns guestbook,comment --reads order
expect "who may do what that service needs" guestbook_does_its_work
forbidden_to_all >"$shop_folder/forbidden"
expect "is refused what is for operators" all_are_refused guestbook "$shop_folder/forbidden"
forbidden_to guestbook guestbook >"$shop_folder/forbidden"
expect "is refused what is other services', and to change its log" all_are_refused guestbook "$shop_folder/forbidden"
expect "and reads no stream that it does not name" cannot_read_streams guestbook customer product billing mail interaction
expect "it stays when users are made again" add_users --prefix ''
expect "with the rights it had" guestbook_does_its_work
expect "one that reads nothing has no consumer's rights" add_users --service guestbook
printf '%s\n' "XREAD STREAMS events:order_created 0" "SADD comment_ids 1" "LLEN guestbook_outbox" >"$shop_folder/forbidden"
expect "which it is refused then" all_are_refused guestbook "$shop_folder/forbidden"
expect "a service of the shop is not made another" refused_users "order is a service of the shop" --service order
expect "an entity that nobody owns can't be read" refused_users 'no entity "oder"' --service guestbook --reads oder
expect "an entity of somebody else's can't be owned" refused_users "would share keys" --service guestbook2 --owns mail
expect "nor one whose keys begin alike" refused_users "would share keys" --service guestbook2 --owns order_line
expect "nor may a service be called like a user" refused_users "choose another name" --service operator
expect "nor with capitals" refused_users "is no name of a service" --service Guestbook
expect "rights of nobody are misuse" ends_with 2 "say more of a --service" \
  "$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$users" --reads order
clock_has_another_key() {
  "$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$shop_folder/acme" --clock acme_clock &&
    grep -q '^user customer .*(+get +set ~acme_clock)' "$shop_folder/acme/users.acl" &&
    ! grep ordershop_clock "$shop_folder/acme/users.acl"
}
expect "a brand of one's own has its clock under a key of its own" clock_has_another_key
keeps_its_keys() { # keeps_its_keys SERVICE
  grep -q "^user $1 .*~{shop1}:$1_\\* .*(+get +set ~{shop1}:acme_clock)" "$shop_folder/acme/users.acl"
}
a_second_run_keeps_prefix_and_clock() {
  "$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$shop_folder/acme" --prefix '{shop1}:' &&
    "$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$shop_folder/acme" --service guestbook && keeps_its_keys customer && keeps_its_keys guestbook
}
a_prefix_can_be_taken_back() {
  "$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$shop_folder/acme" --prefix '' && ! grep shop1 "$shop_folder/acme/users.acl"
}
expect "a second run keeps the prefix and the clock that the first was told" a_second_run_keeps_prefix_and_clock
expect "until it is told another" a_prefix_can_be_taken_back
may_ask_for_disks() { grep -q "^user $1 .* +wait +waitaof " "$shop_folder/acme/users.acl"; }
disks_are_asked_for_on_demand() {
  ! grep waitaof "$shop_folder/acme/users.acl" &&
    "$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$shop_folder/acme" --waitaof && may_ask_for_disks customer &&
    "$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$shop_folder/acme" && may_ask_for_disks guestbook
}
expect "what Redis knows only since 7.2 is allowed where that is said, and stays so" disks_are_asked_for_on_demand
streams_are_trimmed_on_demand() {
  ! grep xtrim "$shop_folder/acme/users.acl" &&
    "$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$shop_folder/acme" --archive &&
    [ "$(grep xtrim "$shop_folder/acme/users.acl" | cut -d ' ' -f 2)" = event ]
}
expect "streams are trimmed by the event service alone, where that is said" streams_are_trimmed_on_demand
rights_of() { grep "^user $1 " "$shop_folder/tags/users.acl"; }
each_service_has_its_prefix() {
  "$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$shop_folder/tags" --prefix '{shop}:' --each '{<service>}:' --service guestbook --reads order &&
    "$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$shop_folder/tags" &&
    rights_of customer | grep -F ' ~{customer}:customer_* ' &&
    ! rights_of customer | grep -oE '~\{[a-z]+\}' | grep -vxF '~{customer}' &&
    rights_of order | grep -F ' (+xread +xrevrange +type +xinfo|stream %R~{customer}:events:customer_*)' &&
    [ "$(rights_of order | grep -oE '~\{[a-z]+\}' | sort -u | tr -d '~{}\n')" = billingcustomerorderproduct ] &&
    rights_of guestbook | grep -F ' (+xadd +xrange ~{shop}:events:guestbook_*) ' &&
    rights_of guestbook | grep -F ' %R~{order}:events:order_*)' &&
    rights_of event | grep -F ' (+xread +xrange +xlen +xinfo|groups %R~{mail}:events:*)'
}
expect "where services have prefixes of their own each writes behind its own, and reads streams where they lie" each_service_has_its_prefix
expect "which a Redis of one service has not" ends_with 1 "is that of one service" \
  "$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$shop_folder/tags" --of order
expect "but no other clock, which would be taken from the services that are there" \
  refused_users "the clock of this Redis is ordershop_clock" --clock acme_clock --service guestbook
expect "a service whose keys would cover the clock is refused" \
  refused_users "could write the clock of the log, notebook_clock" --clock notebook_clock --service notebook
expect "so is one with such an entity" \
  refused_users "could write the clock of the log, notebook_clock" --clock notebook_clock --service writer --owns notebook
expect "and a clock that a service of the shop would cover" refused_users "could write the clock" --clock customer_clock
expect "the password of replicas is still its owner's alone" test "$(stat -c %a "$users/replication.conf")" = 600

expect "operator reads" says ordershop_runtime redis function list
expect "operator loads the users again" says OK redis acl load
for command in "SET customer_x 1" "DEL customer_ids" "XADD events:order_created * a b" "CONFIG SET appendonly no" \
  FLUSHALL "ACL SETUSER x" "SHUTDOWN" "FCALL x 0" "EVAL x 0" "KEYS x"; do
  # shellcheck disable=SC2086 # words of a command
  expect "operator may not $command" is_refused operator $command
done

# Redis loads the file as the default user, which is off.
keys=$(redis dbsize)
redis_kill
redis_start
expect "a killed Redis has all that functions wrote, though the default user is off" test "$(redis dbsize)" -ge "$keys"
expect "and has refused nothing while loading" test -z "$(redis acl log)"
wait_for_serving "${shop_services[@]}"

# A right that is missing.
take_right() { # take_right USER RULE
  cp "$users/users.acl" "$shop_folder/whole.acl"
  sed -i "/^user $1 /s/\([( ]\)$2 /\1/" "$users/users.acl"
  redis acl load >/dev/null
}
give_back() {
  cp "$shop_folder/whole.acl" "$users/users.acl"
  redis acl load >/dev/null
}
does_not_serve() { ! serve "$1"; }
create_a_customer() { "$ORDERSHOP_BIN/ordershop" customer create --name Ada --email ada@example.com; }

take_right customer +hset
service_stop customer
service_start customer
expect "a service that lacks a right does not serve" wait_until 60 says "HSET customer_rights" cat "$(log_of customer)"
expect "which its health says" wait_until 60 does_not_serve customer
expect "and its log says what to do" wait_until 30 grep -q "ACL LOAD" "$(log_of customer)"
give_back
expect "it serves when the rights were mended, without a restart" wait_until 60 serve customer
expect "and does its work" create_a_customer

take_right crm +xread
expect "a consumer that may not read says so" wait_until 60 grep -q 'redis refuses a right.*XREAD' "$(log_of crm)"
expect "and where it is given the right" wait_until 30 grep -q 'redis refuses a right.*services.txt.*make_users.sh --reads' "$(log_of crm)"
expect "and does not serve" wait_until 60 does_not_serve crm
give_back
expect "it goes on when the rights were mended" wait_until 60 serve crm

# A password that is wrong.
service_stop mail
echo wrong >"$shop_folder/wrong"
service_start mail ORDERSHOP_REDIS_PASSWORD_FILE="$shop_folder/wrong"
expect "a wrong password is told with what to do" \
  wait_until 60 grep -q 'WRONGPASS.*the password file' "$(log_of mail)"
expect "and the service does not serve" does_not_serve mail
service_restart mail
shop_done
