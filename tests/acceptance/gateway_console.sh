#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The console in a real browser, Debian's Chromium, against a shop (gateway_console.py). Screenshots stay in
# ORDERSHOP_CONSOLE_PICTURES, by default build-tests/console_pictures in the tree, or where ORDERSHOP_TEST_BUILD is.

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
. "$ORDERSHOP_SOURCE/tests/lib/npm_packages.sh"
. "$ORDERSHOP_SOURCE/tests/lib/interaction_damage.sh"

readonly axe_version=4.10.3
python=/usr/bin/python3
if ! [ -x /usr/bin/chromium ] || ! [ -x /usr/bin/chromedriver ]; then skip "no chromium or chromium-driver"; fi
"$python" -c 'import selenium' 2>/dev/null || skip "no selenium for Python"

# Sets CONSOLE_AXE to axe's script, or to nothing where npm doesn't bring it; then that part is left out, and it is said.
find_axe() {
  local modules
  CONSOLE_AXE=
  if modules=$(find_npm_packages "axe-$axe_version" "axe-core@$axe_version" 2>"$shop_folder/why"); then
    CONSOLE_AXE=$modules/node_modules/axe-core/axe.min.js
  elif [ "${ORDERSHOP_REQUIRE_TOOLS:-0}" = 1 ]; then
    fail "no axe-core: $(tail -n 1 "$shop_folder/why")"
  else
    say "left out: what axe would say of the pages, since npm does not bring axe-core"
  fi
}

gateway_start() { # gateway_start VARIABLE=VALUE...
  launch gateway env "$@" "$ORDERSHOP_BIN/ordershop-gateway"
  wait_until 20 env "$@" "$ORDERSHOP_BIN/ordershop-gateway" --check-health || fail "the gateway does not serve"
}

gateway_stop() {
  kill -TERM "${shop_pid[gateway]}"
  await_end gateway 60
  [ "$shop_status" -eq 0 ]
}

# The browser's files. The path is a short one: Chromium makes a socket below it, whose path has 107 bytes at most.
browser_folder=$(mktemp -d /tmp/ordershop-browser.XXXXXX)
remove_browser_folder() { rm -rf "$browser_folder"; }
shop_at_end+=(remove_browser_folder)

cases() {
  env HOME="$browser_folder" TMPDIR="$browser_folder" XDG_CACHE_HOME="$browser_folder" XDG_CONFIG_HOME="$browser_folder" \
    "$python" "$ORDERSHOP_SOURCE/tests/acceptance/gateway_console.py" "$@"
}

# Sanitizers find as much in what curl asks for: a browser would only take their time.
expect_in_browser() {
  [ "$shop_slowness" -gt 1 ] || expect "$@"
}

console_url=
header_of() { # header_of NAME PATH
  curl -sS -D - -o /dev/null "$console_url$2" | tr -d '\r' | sed -n "s/^$1: //Ip"
}

every_file_is_served_with_policy_and_type() {
  local file
  for file in "$ORDERSHOP_SOURCE"/services/gateway/console/*; do
    curl -sSf "$console_url/console/${file##*/}" | cmp - "$file" || return 1
  done
  [ "$(header_of Content-Type /)" = 'text/html; charset=utf-8' ] &&
    [ "$(header_of Content-Type /console/app.js)" = 'text/javascript; charset=utf-8' ] &&
    [ "$(header_of Content-Type /console/style.css)" = 'text/css; charset=utf-8' ] &&
    [ "$(header_of X-Content-Type-Options /)" = nosniff ] &&
    [[ $(header_of Content-Security-Policy /) == "default-src 'none'; script-src 'self'; style-src 'self'; "* ]]
}

code_of() { curl -sS -o /dev/null -w '%{http_code}' "$@"; }

what_a_browser_has_is_not_sent_again() {
  local tag
  tag=$(header_of ETag /console/app.js)
  [ "$(code_of -H "If-None-Match: $tag" "$console_url/console/app.js")" = 304 ] &&
    [ "$(code_of -H 'If-None-Match: "other"' "$console_url/console/app.js")" = 200 ]
}

other_paths_lead_nowhere() {
  local path
  for path in /console/ /console/../main.c /console/app.js/ /console/%2e%2e/main.c /index.html; do
    [ "$(code_of --path-as-is "$console_url$path")" = 404 ] || { say "$path is there" && return 1; }
  done
  [ "$(code_of -X POST -d x "$console_url/")" = 405 ] && [ "$(code_of -X POST -d x "$console_url/status")" = 405 ] &&
    [ "$(code_of -H 'Host: elsewhere.example' "$console_url/")" = 421 ]
}

crm_is_away_in_the_status() {
  curl -sS "$console_url/status" | jq -e '[.services[] | select(.name == "crm") | .error.status] == ["UNAVAILABLE"] and
    ([.services[] | select(.status.ready)] | length == '$((${#shop_services[@]} - 1))')' >/dev/null
}

# Two customers whose events CRM can't handle: the first one's id goes to the browser's cases.
make_dead_letters() {
  local product customer
  product=$("$ORDERSHOP_BIN/ordershop" product create --name Kettle --price 1 --quiet)
  "$ORDERSHOP_BIN/ordershop" inventory create --product "$product" --amount 10 >/dev/null
  damaged=()
  for name in grace alan; do
    customer=$("$ORDERSHOP_BIN/ordershop" customer create --name "$name" --email "$name@example.com" --quiet)
    wait_until 60 has_interactions "$customer" 1 || fail "$name is not welcomed"
    damage "$customer" >/dev/null
    "$ORDERSHOP_BIN/ordershop" order create --customer "$customer" --product "$product" --quiet >/dev/null
    damaged+=("$customer")
  done
  export CONSOLE_HELD="${damaged[*]}"
}

mend_all() { for customer in "${damaged[@]}"; do mend "$customer" >/dev/null; done; }

# CRM is away, so it has not applied them.
lose_entries() {
  service_stop crm
  "$ORDERSHOP_BIN/ordershop" customer create --name lost --email lost@example.com >/dev/null
  redis xtrim events:customer_created maxlen 0 >/dev/null
  service_start crm
}

needs_a_token() {
  printf 'reading-secret\n' >"$shop_folder/read"
  gateway_start ORDERSHOP_GATEWAY_READ_TOKEN_FILE="$shop_folder/read"
  [ "$(code_of "$console_url/")" = 200 ] && [ "$(code_of "$console_url/status")" = 401 ] && cases Tokens
  gateway_stop
}

find_axe
export ORDERSHOP_ARCHIVE_FOLDER=$shop_folder/archive
mkdir "$ORDERSHOP_ARCHIVE_FOLDER"
shop_users_arguments=(--archive)
shop_start
"$ORDERSHOP_BIN/ordershop" demo >/dev/null || fail "the demo failed"
ORDERSHOP_GATEWAY_PORT=$(spare_port)
CONSOLE_URL=http://localhost:$ORDERSHOP_GATEWAY_PORT
CONSOLE_PICTURES=${ORDERSHOP_CONSOLE_PICTURES:-$(dirname -- "$ORDERSHOP_BIN")/console_pictures}
mkdir -p "$CONSOLE_PICTURES"
rm -f "$CONSOLE_PICTURES"/*.png
export ORDERSHOP_GATEWAY_PORT CONSOLE_URL CONSOLE_PICTURES CONSOLE_AXE
console_url=$CONSOLE_URL
gateway_start
expect "every file is served as it is in the tree, with its type and the policy" every_file_is_served_with_policy_and_type
expect "what a browser has already is not sent again" what_a_browser_has_is_not_sent_again
expect "other paths, methods and hosts lead nowhere" other_paths_lead_nowhere
expect_in_browser "each view shows what it should, by keyboard, for axe, and at 360 pixels" cases Views
expect_in_browser "the forms change the shop, and errors are shown at their fields" cases Act
service_stop crm
expect "a stopped CRM is told by the status, within its time" wait_until 20 crm_is_away_in_the_status
expect_in_browser "a stopped CRM greys, and its lag counts up" cases Away
service_start crm
wait_for_serving crm
expect_in_browser "a started CRM is ready again, and its lag drains" cases Back
make_dead_letters
expect_in_browser "dead letters are shown, a retry before the cause is mended says so, and a skip is recorded" cases Letters
mend_all
expect_in_browser "when the cause is mended, all are retried, and gone" cases Retried
redis hdel crm_profiles "${damaged[0]}" >/dev/null
expect_in_browser "a wrong view is found, and built anew" cases Rebuilt
expect_in_browser "old events are archived" cases Archived
lose_entries
expect_in_browser "what is missing of the log is told, and accepted" cases Lost
expect_in_browser "a page goes on without a gap or a repeat after a break" cases Breaks
expect_in_browser "more events than can be shown are a sample that says so" cases Flood
expect "it stops gracefully, with pages behind it" gateway_stop
expect_in_browser "with a token for reading, the page comes and asks for it" needs_a_token
shop_done
