#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The house is built as it says: gRPC, hiredis and libuv are included where they belong, a layer of the runtime knows only
# those below it and nothing of the shop, and no service knows another.

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

cd "$ORDERSHOP_SOURCE"

# Lines on standard input are what must not be: prints them and fails.
nothing() { ! grep .; }

but_not() { grep -v "$@" || true; }

# includes PATTERN FOLDER...: places that include a header of that pattern (after the quote or bracket)
includes() {
  local pattern=$1
  shift
  grep -rnE "^ *# *include *[<\"]$pattern" --include='*.[ch]' "$@" || true
}

# C core itself; what protoc-c has made of grpc's own protos is a contract like ours.
grpc_stays_in_rpc() { includes 'grpc/' services client | but_not '\.pb-c\.h>$\|^services/runtime/rpc/' | nothing; }
hiredis_stays_in_redis() { includes 'hiredis' services client | but_not '^services/runtime/redis/' | nothing; }
# Not only included: a header could hand it on.
jansson_stays_where_json_is() { includes 'jansson' services | but_not '^services/runtime/message/\|^services/gateway/' | nothing; }
microhttpd_stays_in_http() { includes 'microhttpd' services client | but_not '^services/runtime/http/' | nothing; }
libuv_stays_low() {
  grep -rnE '(^ *# *include *[<"]uv\.h|(^|[^a-zA-Z_])(uv_[a-z_]+|UV_[A-Z_]+|loop_uv)([^a-zA-Z_]|$))' --include='*.[ch]' \
    services client | but_not '^services/runtime/\(loop\|redis\)/' | nothing
}

# The layers that each one may include beside itself. redis and rpc don't know each other; rpc knows nothing of events;
# the store (commands) knows nothing of the consumer (events).
declare -A below=([base]='' [trace]='base' [message]='base' [http]='base loop' [loop]='base' [tls]='base' [redis]='base loop tls' [rpc]='base trace loop tls'
  [store]='base trace loop redis' [consumer]='base trace loop redis rpc store' [service]='base trace http loop tls redis rpc store consumer')

layer_includes_what_is_below() { # LAYER
  local allowed=" $1 ${below[$1]} " layer
  for layer in "${!below[@]}"; do
    [[ $allowed == *" $layer "* ]] || includes "$layer/" "services/runtime/$1"
  done | nothing
}

layers_are_all_known() {
  local folder
  for folder in services/runtime/*/; do
    folder=${folder#services/runtime/}
    [ -n "${below[${folder%/}]+known}" ] || echo "$folder"
  done | nothing
}

# Programs link the client's library without Redis and without a loop; the load generator has a loop of its own, and so
# has `ordershop events tail`, which reads Redis itself, by the store's reader of streams. Positions are texts of the
# store's.
client_needs_no_redis_and_no_service() {
  {
    includes '(redis|store|consumer|service|loop)/' client
    includes '[a-z]+_service\.h' client
  } | but_not '^client/load/.*"loop/' |
    but_not '^client/position_memory\.h:.*"store/positions\.h"' |
    but_not '^client/cli/audit/audit_parts\.h:.*"store/log_time\.h"' |
    but_not '^client/cli/events/[a-z_]*\.[ch]:.*"\(redis/[a-z_]*\|loop/loop\|loop/coroutine\|loop/blocking\|store/\(stream_reader\|event\|log_time\)\)\.h"' |
    nothing
}

# Sources without comments; names in strings count.
without_comments() {
  case $1 in
  *.lua) sed 's/--.*//' "$1" ;;
  *) cc -w -fpreprocessed -dD -E -P -x c "$1" 2>/dev/null ;;
  esac
}

# "order" is also how things follow each other: only its plural, and names that begin with it, are the shop's.
readonly entities='customer|customers|product|products|inventory|inventories|orders|billing|billings|crm|mail|mails'
runtime_names_no_entity() {
  local file
  while read -r file; do
    without_comments "$file" | sed 's/memory_order[a-z_]*//g; s/e-mail//g' |
      { grep -nE "(^|[^a-zA-Z])($entities|order_[a-z]+)([^a-zA-Z]|$)" || true; } | sed "s,^,$file: ,"
  done < <(find services/runtime -name '*.[ch]' -o -name '*.lua') | nothing
}

# The shop's names come from its brand (services/common/shop_brand.c), in comments, too. What the runtime serves itself,
# beside health, are the status, the dead letters, the log and the views of a service: they are every service's, as grpc.health.v1 is, and one
# contract for all brands, so that one tool asks them all; and so is what rebuilds of views ask the event service. Its package
# keeps the name that clients call it by.
runtime_does_not_name_the_shop() {
  grep -rniI ordershop services/runtime --include='*.[ch]' --include='*.lua' |
    but_not '^services/runtime/service/service_status\.c:[0-9]*:#include <ordershop/v1/status\.pb-c\.h>$' |
    but_not '^services/runtime/service/dead_letter_service\.c:[0-9]*:#include <ordershop/v1/dead_letter\.pb-c\.h>$' |
    but_not '^services/runtime/service/log_service\.c:[0-9]*:#include <ordershop/v1/log\.pb-c\.h>$' |
    but_not '^services/runtime/service/view_service\.c:[0-9]*:#include <ordershop/v1/view\.pb-c\.h>$' |
    but_not '^services/runtime/service/event_channel\.c:[0-9]*:#include <ordershop/v1/event\.pb-c\.h>$' |
    sed -E '/^services\/runtime\/service\/(service_status|dead_letter_service|log_service|view_service|event_channel)\.c:/ s/ordershop__v1__[a-z_]*//gI' | { grep -i ordershop || true; } | nothing
}

runtime_includes_no_contract_of_the_shop() {
  includes 'ordershop/' services/runtime | but_not '^services/runtime/service/.*<ordershop/v1/status\.pb-c\.h>' |
    but_not '^services/runtime/service/.*<ordershop/v1/\(dead_letter\|log\|view\|event\)\.pb-c\.h>' | nothing
}

services_know_no_other_service() {
  local service header other
  for service in "${shop_services[@]}"; do
    for other in "${shop_services[@]}"; do
      [ "$other" != "$service" ] || continue
      for header in services/"$other"/*.h; do
        [ -e "$header" ] || continue
        includes "(.*/)?$(basename "$header")\"" "services/$service"
      done
      includes "(.*/)?$other/[a-z_]*\\.h\"" "services/$service"
    done
  done | nothing
}

shop_knows_no_service() { includes '[a-z]+_service\.h' services/common | nothing; }

internal_contract_is_not_in_the_public_one() { ! grep -rn 'ordershop/internal' proto/ordershop/v1; }

# A service of one file has its main there; one of several has it apart.
every_service_has_the_same_face() {
  local service file
  for service in "${shop_services[@]}"; do
    for file in CMakeLists.txt "${service}_service.c"; do
      [ -f "services/$service/$file" ] || echo "services/$service/$file is missing"
    done
    file=services/$service/main.c
    [ -f "$file" ] || file=services/$service/${service}_service.c
    grep -qs '^  return service_main(' "$file" || echo "$file has no main"
    [[ $file != */main.c ]] || [ "$(wc -l <"$file")" -le 10 ] || echo "$file has more than 10 lines"
  done | nothing
}

expect "only the rpc layer includes gRPC" grpc_stays_in_rpc
expect "only the redis layer includes hiredis" hiredis_stays_in_redis
expect "only the http layer includes libmicrohttpd" microhttpd_stays_in_http
expect "of services and runtime, only the message layer and the gateway include jansson" jansson_stays_where_json_is
expect "above the loop, only the redis layer uses libuv" libuv_stays_low
expect "every layer is known" layers_are_all_known
for layer in base message loop http tls redis rpc store consumer service; do
  expect "the $layer layer includes ${below[$layer]:-nothing} beside itself" layer_includes_what_is_below $layer
done
expect "the runtime includes nothing of the shop's contract" runtime_includes_no_contract_of_the_shop
expect "the runtime does not name the shop" runtime_does_not_name_the_shop
expect "the runtime names no entity of the shop" runtime_names_no_entity
expect "no service includes anything of another" services_know_no_other_service
expect "what services share knows none of them" shop_knows_no_service
expect "the client needs neither loop nor Redis nor a service" client_needs_no_redis_and_no_service
expect "the public contract does not know the internal one" internal_contract_is_not_in_the_public_one
expect "all services have the same face" every_service_has_the_same_face
shop_done
