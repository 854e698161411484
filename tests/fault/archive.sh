#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Old events leave Redis for the archive while orders keep coming: whenever the event service is killed on the way, each event
# is told once, as it was told before; nothing leaves Redis that a service still needs; a folder that is lost is noticed, and an
# archive of another log is refused.

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
. "$ORDERSHOP_SOURCE/tests/lib/ordering_customers.sh"

client() { "$ORDERSHOP_BIN/ordershop" --timeout $((60 * shop_slowness)) "$@"; }
archive() { client archive --older-than 0s --force --by ada "$@"; }
export ORDERSHOP_ARCHIVE_FOLDER=$shop_folder/archive

# --- What is told ---

tell_all() { client events tail --from BEGINNING --no-follow --json >"$1"; } # tell_all FILE: a line for each event
entries_of() { jq -r .id "$1"; }                                              # entries_of FILE
# begins_with FILE FIRST: its first lines are those of the file FIRST
begins_with() { head -n "$(wc -l <"$2")" "$1" | cmp - "$2"; }
each_once() { [ -z "$(entries_of "$1" | LC_ALL=C sort | uniq -d)" ] && [ "$(entries_of "$1" | wc -l)" -eq "$(wc -l <"$1")" ]; }

# What was told before is told as it was, each event once.
tells_the_same() { # tells_the_same FILE
  tell_all "$shop_folder/now" && each_once "$shop_folder/now" && begins_with "$shop_folder/now" "$1"
}
all_is_applied() { client status --json | jq -e 'all(.. | objects | .lagEntries? // 0; tonumber == 0)' >/dev/null; }

# How many events Redis says that services have ever appended, whatever has been trimmed since.
appended() {
  local stream sum=0
  for stream in $(redis --raw keys 'events:*'); do
    sum=$((sum + $(redis --json xinfo stream "$stream" | jq '.["entries-added"]')))
  done
  echo "$sum"
}

has_archived() { archive >"$shop_folder/archived" && grep -q "$1" "$shop_folder/archived"; } # has_archived PATTERN
in_redis() { redis xlen "events:$1"; }                                                      # in_redis STREAM
archives_all_but() { archive >/dev/null && [ "$(in_redis "$2")" -eq "$1" ]; }               # archives_all_but COUNT STREAM

# --- A shop, and its events ---

command -v jq >/dev/null || skip "jq is not installed"
shop_users_arguments=(--archive)
shop_start
product=$(client product create --name Lamp --price 10 --quiet)
client inventory create --product "$product" --amount 100000 --quiet >/dev/null
: >"$shop_folder/confirmed"
customers_come &
callers=$!
await_customers 8
first=$(sed -n 1p "$shop_folder/confirmed")
client events history customer "$first" --json >"$shop_folder/history"
tell_all "$shop_folder/before"

expect "what callers may still ask for is not archived unawares" \
  ends_with 1 'older_than must be at least 93600 s' client archive --older-than 1h --by ada
expect "an age must be said" ends_with 2 'older-than' client archive --by ada
expect "nothing is that old" ends_with 0 '^0 events archived, 0 of' client archive --older-than 30d --by ada
expect "nothing has left Redis" test "$(in_redis customer_created)" -ge 8

# --- The event service is killed at each step of an archive run ---

for place in block_written sealed added stream_trimmed; do
  await_customers 2
  fail_point_arm event "archive.$place" kill
  # A run with nothing to archive passes no such place; customers come, so another one does.
  for ((try = 0; try < 60; try++)); do
    archive >/dev/null 2>&1 || true
    ! fail_point_was_hit event "archive.$place" || break
    await_customers 1
  done
  expect "it is killed at $place" fail_point_was_hit event "archive.$place"
  await_end event 60
  service_start event
  wait_for_serving event
  expect "killed at $place, it tells each event once, as before" tells_the_same "$shop_folder/before"
  cp "$shop_folder/now" "$shop_folder/before"
done
expect "the next run goes on" wait_until 60 has_archived '^[1-9][0-9]* events archived'
expect "no unfinished file is left" test ! -e "$shop_folder/archive/next.unfinished"
expect "while it tells each event once, as before" tells_the_same "$shop_folder/before"
expect "an entity's history is as before" cmp <(client events history customer "$first" --json | head -n "$(wc -l <"$shop_folder/history")") "$shop_folder/history"

# --- Another replica, which does not archive ---

start_another() {
  launch another env ORDERSHOP_LISTEN="127.0.0.1:$(spare_port)" ORDERSHOP_EVENT_FOLDER="$shop_folder/another" \
    ORDERSHOP_REDIS_URL="redis://event@127.0.0.1:$(port_of redis)/0" \
    ORDERSHOP_REDIS_PASSWORD_FILE="$shop_folder/users/event.password" "$ORDERSHOP_BIN/ordershop-event"
}
another() { ORDERSHOP_EVENT_ADDRESS=127.0.0.1:$(spare_port) client "$@"; }
start_another
expect "another replica answers from the same folder" wait_until 60 another events history customer "$first"

# --- Everything is archived ---

touch "$shop_folder/closed"
wait $callers || true
expect "all events are applied" wait_until 60 all_is_applied
tell_all "$shop_folder/before"
expect "the rest is archived: Redis has one order_created" wait_until 60 archives_all_but 1 order_created
expect "and one customer_created" wait_until 60 archives_all_but 1 customer_created
expect "but all mails, whose bodies lie there" test "$(in_redis mail_created)" -ge "$(confirmed)"
expect "each event is told once, as before" tells_the_same "$shop_folder/before"
expect "as many as were ever appended" test "$(wc -l <"$shop_folder/now")" -eq "$(appended)"
expect "the audit reads through the archive and finds nothing" client audit
redis client kill user event >/dev/null
newest=$(client customer create --name Newest --email newest@example.com --quiet)
expect "after an outage of Redis the other replica sees what this one has archived, and goes on" \
  wait_until 20 ends_with 0 "$newest" another events history customer "$newest"
expect "its archive is no other one" ends_with 0 "$first" another events history customer "$first"
kill -TERM "${shop_pid[another]}"
await_end another 60
expect "and ends gracefully" test "$shop_status" = 0

# --- Services start anew, and the index is lost ---

for name in inventory crm billing; do service_restart "$name"; done
expect "services go on behind what was trimmed" wait_until 60 serve "${shop_services[@]}"
service_stop event
rm "$shop_folder"/event/events.sqlite*
service_start event
wait_for_serving event
expect "an index that is made anew has what is archived" tells_the_same "$shop_folder/before"

# --- A service that is behind, and a dead letter ---

service_stop crm
late=$(client customer create --name "Late" --email late@example.com --quiet)
expect "a service that is behind holds its events back" wait_until 60 has_archived '^crm holds the rest back'
expect "they stay in Redis" test "$(in_redis customer_created)" -eq 2
service_start crm
wait_for_serving crm
expect "until it has caught up" wait_until 60 archives_all_but 1 customer_created
expect "and are told" ends_with 0 "$late" client events history customer "$late"

client customer create --name "Poison" --email poison@example.com --quiet >/dev/null
poison=$(redis --raw xrevrange events:customer_created + - count 1 | sed -n 1p)
redis rpush crm_parked:poison "customer_created $poison - poison" >/dev/null
redis sadd crm_parked_lists poison >/dev/null
expect "a dead letter holds its event back" wait_until 60 has_archived '^crm holds the rest back'
expect "which stays in Redis" test "$(in_redis customer_created)" -eq 2
redis del crm_parked:poison >/dev/null
redis srem crm_parked_lists poison >/dev/null
expect "until it is settled" wait_until 60 archives_all_but 1 customer_created

# --- A folder that is lost ---

has_lost() { ends_with 3 'ARCHIVE_LOST\|the archive is not the one that it was' client --timeout 1 events history customer "$first"; }
tell_all "$shop_folder/before"
mv "$shop_folder/archive" "$shop_folder/archive.away"
mkdir "$shop_folder/archive"
expect "where the folder is emptied, the next run refuses" ends_with 1 ARCHIVE_LOST archive
expect "and writes nothing" test -z "$(find "$shop_folder/archive" -name '*.sqlite')"
service_stop event
service_start event
expect "with an empty folder the event service tells nothing, rather than half of it" wait_until 60 has_lost
expect "and its status says why" ends_with 1 'event.*the archive is not the one that it was: events up to' client status
service_stop event
ORDERSHOP_ARCHIVE_FOLDER='' service_start event
expect "likewise without a folder" wait_until 60 has_lost
service_stop event
rm -r "$shop_folder/archive"
mv "$shop_folder/archive.away" "$shop_folder/archive"
newest=$(find "$shop_folder/archive" -name '*.sqlite' -printf '%f\n' | sort -V | tail -n 1)
mv "$shop_folder/archive/$newest" "$shop_folder/newest"
service_start event
expect "and where the newest file is missing" wait_until 60 has_lost
mv "$shop_folder/newest" "$shop_folder/archive/$newest"
expect "until it is there again" wait_until 60 tells_the_same "$shop_folder/before"

# --- A folder that is lost for good ---

lost_up_to() { { client status 2>&1 || true; } | sed -n 's/.*events up to \([0-9-]*\) have left Redis for it.*/\1/p'; }
tells_each_once() { tell_all "$shop_folder/now" && [ -s "$shop_folder/now" ] && each_once "$shop_folder/now"; }
service_stop event
rm -r "$shop_folder/archive"
ORDERSHOP_ACCEPT_LOST_ARCHIVE=1548699678802-91 service_start event
expect "where another loss is accepted than there is, it still tells nothing" wait_until 60 has_lost
lost=$(lost_up_to)
service_stop event
fail_point_arm event archive.loss_given_up kill
ORDERSHOP_ACCEPT_LOST_ARCHIVE=$lost service_start event
await_end event 60
expect "with the loss accepted that it names, it gives that up once, and is killed then" fail_point_was_hit event archive.loss_given_up
service_start event
expect "killed then, it goes on without the setting" wait_until 60 serve event
expect "and tells what Redis has, each event once" tells_each_once
expect "a new archive begins" wait_until 60 has_archived '^[1-9][0-9]* events archived'
service_stop event
rm -r "$shop_folder/archive"
service_start event
expect "which may be lost, too" wait_until 60 has_lost
lost=$(lost_up_to)
service_stop event
ORDERSHOP_ACCEPT_LOST_ARCHIVE=$lost service_start event
expect "and given up" wait_until 60 serve event
expect "its log says so" wait_until 30 grep -q "gives up events that a lost archive had.*up_to=$lost" "$(log_of event)"
expect "and it tells each event once" tells_each_once
expect "another archive begins" wait_until 60 has_archived '^[1-9][0-9]* events archived'

# --- An archive that is not the log's ---

redis xtrim events:customer_created maxlen 0 >/dev/null
expect "where the link to the log is gone, nothing is archived" ends_with 1 ARCHIVE_MISMATCH archive
service_stop event
service_start event
is_refused() { ends_with 3 'the archive is not of this log' client --timeout 1 events history customer "$first"; }
expect "and nothing is told" wait_until 60 is_refused
shop_done
