#!/usr/bin/env bash
# All seven services under valgrind's memcheck: start, demo, mistakes, a caller who is cut off, stop. No error, nothing
# definitely lost.
. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"

command -v valgrind >/dev/null || skip "no valgrind"
# what ASan takes at start, valgrind has not
if nm -D "$ORDERSHOP_BIN/ordershop-customer" 2>/dev/null | grep __asan_init >/dev/null; then
  skip "a sanitized build, to which valgrind is not applicable"
fi

readonly error_status=99

# Most of the time is that of seven starts: valgrind translates the code of gRPC's start again for each.
start_checked() {
  launch "$1" env -u ORDERSHOP_SOURCE -u ORDERSHOP_BIN -u ORDERSHOP_REQUIRE_TOOLS -u MALLOC_PERTURB_ \
    ORDERSHOP_LISTEN="$(address_of "$1")" ORDERSHOP_REDIS_URL="redis://127.0.0.1:$(port_of redis)/0" \
    ORDERSHOP_MAIL_FOLDER="$shop_folder/mail" \
    valgrind --quiet --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    --error-exitcode=$error_status --num-callers=30 "$ORDERSHOP_BIN/ordershop-$1"
}

client() { "$ORDERSHOP_BIN/ordershop" --timeout 60 "$@"; }

plays_the_demo() { client demo; }

# refused COMMAND...: the shop says no (exit status 1)
refused() {
  local status=0
  client "$@" || status=$?
  [ "$status" -eq 1 ]
}

refuses_mistakes() {
  refused customer create --name ' ' --email nobody && refused customer get 8f14e45f-ceea-467f-a8b1-3c6f0d2e7b11 &&
    refused order create --customer 8f14e45f-ceea-467f-a8b1-3c6f0d2e7b11 --product x &&
    refused billing create --order 8f14e45f-ceea-467f-a8b1-3c6f0d2e7b11 && refused mail get x
}

# Answers that nobody waits for any more, and bytes that are no HTTP/2.
bears_callers_that_go_away() {
  local i
  for i in $(seq 20); do
    timeout -s KILL 0.05 "$ORDERSHOP_BIN/ordershop" order list || true
    head -c 2000 /dev/urandom >"/dev/tcp/127.0.0.1/$(port_of order)" || true
  done 2>/dev/null
  client order list
}

survives_an_outage_of_redis() {
  redis_stop
  client customer list && return 1
  redis_start
  wait_until 60 serve "${shop_services[@]}" && client customer list
}

ends_without_an_error() { # SERVICE
  kill -TERM "${shop_pid[$1]}"
  await_end "$1" 60
  grep -A 40 '^==' "$(log_of "$1")" | head -n 80 || true
  [ "$shop_status" -eq 0 ]
}

shop_prepare
redis_start
for service in "${shop_services[@]}"; do start_checked "$service"; done
expect "all services start" wait_until 120 serve "${shop_services[@]}"
expect "the demo is played" plays_the_demo
expect "mistakes are refused" refuses_mistakes
expect "callers go away" bears_callers_that_go_away
expect "Redis is away and comes back" survives_an_outage_of_redis
for service in "${shop_services[@]}"; do
  expect "valgrind finds nothing in $service" ends_without_an_error "$service"
done
shop_done
