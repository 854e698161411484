# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # what begins with shop_ is of shop.sh; customer and product are the test's
# What tests do with a shop that moves from one Redis to one for each service (apart.sh, which is sourced before), or back.

client() { "$ORDERSHOP_BIN/ordershop" --timeout $((60 * shop_slowness)) "$@"; }
mails_to() { client mail list --to "$1" --json --all | grep -c '"subject"'; }
has_mails() { [ "$(mails_to "$1")" = "$2" ]; }
units() { client stock list --product "$1" --json --all; }
has_stock() { units "$1" | grep "\"amount\": *\"\?$2\"\?," >/dev/null; }

start_services_apart() {
  local service
  for service in "${shop_owners[@]}" event; do apart_service_start "$service"; done
  wait_for_serving "${shop_owners[@]}" event
}

order_one() {
  client order create --customer "$customer" \
    --product "$product" --quiet
}

entries() { redis --raw EVAL 'local n = 0
  for _, key in ipairs(redis.call("KEYS", "events:*")) do n = n + redis.call("XLEN", key) end
  return n' 0; }

# Of the streams that each service appends to where it is now.
entries_apart() {
  local name entity
  for name in "${shop_owners[@]}"; do
    entity=$name
    [ "$name" != crm ] || entity=interaction
    apart_redis "$name" --scan --pattern "events:${entity}_*" </dev/null | sed 's/^/XLEN /' | apart_redis "$name"
  done | awk '{ sum += $1 } END { print sum }'
}

come_in_order() { # come_in_order COUNT: all events that there are, so many
  client events tail --no-follow --json >"$shop_folder/all"
  [ "$(wc -l <"$shop_folder/all")" = "$1" ] &&
    sed 's/^{"id":"\([0-9]*\)-\([0-9]*\)".*/\1 \2/' "$shop_folder/all" | sort -c -k1,1n -k2,2n
}

is_audited() { client audit --settle 0 | grep ' 0 violations, 0 entities undecided' >/dev/null; }
