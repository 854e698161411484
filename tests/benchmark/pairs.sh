# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What something costs a call: two replicas of a service are called at the same rate at the same time, one with it and one
# without, and the CPU times that they took are compared. What else the machine does meets both alike; pairs in which calls
# failed don't count. Sourced behind tests/lib/shop.sh by benchmarks that set:
#
#   pairs, seconds, rate   how many pairs there are of each call, how long each takes, calls a second for each of the two
#   other_bin              executables for the one without
#   on_variables           what the one with it has in its environment
#   beside                 a command that runs beside each pair, or nothing
# shellcheck disable=SC2154 # they do

# The two, at ports of services that don't run; which of them has which port changes from pair to pair.
ports=()

stop_one() { # stop_one NAME
  kill -TERM "${shop_pid[$1]}"
  await_end "$1" 60
}

# launch_one NAME SERVICE BIN [VARIABLE=VALUE...]: another replica of a service
launch_one() {
  local name=$1 service=$2 bin=$3 port=${ports[0]}
  shift 3
  [ "$name" = on ] || port=${ports[1]}
  launch "$name" env ORDERSHOP_LISTEN="127.0.0.1:$port" ORDERSHOP_REDIS_URL="redis://$service@127.0.0.1:$(port_of redis)/0" \
    ORDERSHOP_REDIS_PASSWORD_FILE="$shop_folder/users/$service.password" "$@" "$bin/ordershop-$service"
  wait_until 60 port_accepts "$port" || fail "$service does not serve"
}

call_one() { # call_one NAME SERVICE MODE RATE: into a file of that name
  local port=${ports[0]}
  [ "$1" = on ] || port=${ports[1]}
  "$ORDERSHOP_BIN/ordershop" load --json --port-base "$shop_port_base" "--$2-address" "127.0.0.1:$port" --mode "$3" --rate "$4" \
    --connections 1 --shop "$shop_folder/$1.shop" --seconds "$seconds" --warm-up 1 --watch "$1=${shop_pid[$1]}" >"$shop_folder/$1.json" || true
}

pair() { # pair SERVICE MODE RATE
  local callers=()
  ports=("${ports[1]}" "${ports[0]}")
  launch_one on "$1" "$ORDERSHOP_BIN" "${on_variables[@]}"
  launch_one off "$1" "$other_bin"
  [ -z "$beside" ] || launch beside "$beside"
  call_one on "$@" & callers=($!)
  call_one off "$@" & callers+=($!)
  wait "${callers[@]}"
  [ -z "$beside" ] || await_end beside 10
  stop_one on
  stop_one off
  jq -r --slurp 'select(.[0].failures == 0 and .[1].failures == 0) | "\(.[0].cpuUs.on / .[1].cpuUs.off) \(.[0].cpuUs.on) \(.[1].cpuUs.off)"' "$shop_folder/on.json" "$shop_folder/off.json" \
    >>"$shop_folder/$2.ratios"
}

report() { # report MODE CALL WHAT
  sort -n "$shop_folder/$1.ratios" | awk -v call="$2" -v what="$3" '{ ratio[NR] = $1; sum += $2; without += $3 }
    END { printf "%-12s median %.3f, quartiles %.3f and %.3f, of %d pairs; all together %.3f: %.1f us with %s, %.1f us without\n",
      call, (ratio[int((NR + 1) / 2)] + ratio[int(NR / 2) + 1]) / 2, ratio[int((NR + 3) / 4)], ratio[int((3 * NR + 1) / 4)], NR,
      sum / without, sum / NR, what, without / NR }'
}

# measure WHAT: runs all pairs, in a shop of customer, product, inventory and order, and reports them
measure() {
  ports=("$(port_of crm)" "$(port_of mail)")
  "$ORDERSHOP_BIN/ordershop" load --port-base "$shop_port_base" --shop "$shop_folder/on.shop" --seconds 1 >/dev/null # makes what calls need
  cp "$shop_folder/on.shop" "$shop_folder/off.shop"
  for _ in $(seq "$pairs"); do
    pair customer get "$rate"
    pair order order $((rate / 5))
  done
  report get GetCustomer "$1"
  report order CreateOrder "$1"
}
