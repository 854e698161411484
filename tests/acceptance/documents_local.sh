#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The commands of the documents, taken from their text, on a shop of deploy/local: what a reader does after `up.sh`.

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
[ "$shop_slowness" -eq 1 ] || skip "not applicable: it tests documents"
. "$ORDERSHOP_SOURCE/tests/lib/go_tool.sh"

grpcurl=$(find_go_tool grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl v1.8.9 2>"$shop_folder/why") ||
  skip "no grpcurl: $(tail -n 1 "$shop_folder/why")"
PATH=$(dirname "$grpcurl"):$PATH

reserve_ports
export ORDERSHOP_HOME=$shop_folder/home ORDERSHOP_PORT_BASE=$shop_port_base
ORDERSHOP_REDIS_PORT=$(port_of redis)
export ORDERSHOP_REDIS_PORT

all_down() { "$ORDERSHOP_SOURCE/deploy/local/down.sh" >/dev/null 2>&1; }
shop_at_end+=(all_down)

# The places of this test instead of those that the documents name: ports, the home, the build; and rates that a machine bears on
# which other suites run.
cd "$ORDERSHOP_SOURCE"
# shellcheck disable=SC2016,SC2088 # likewise
"$ORDERSHOP_SOURCE/tests/lib/documented_commands.py" run local \
  --set "5005=${shop_port_base%0}" --set "localhost:5000=localhost:$shop_port_base" --set "6380=$ORDERSHOP_REDIS_PORT" --set '$PWD/build/bin=$ORDERSHOP_BIN' \
  --set "-B build=-B $shop_folder/build" --set "--build build=--build $shop_folder/build" \
  --set "--rate 200=--rate 20" --set "--sweep 100,200,300=--sweep 10,20,30" --set "--rate 50=--rate 10" \
  --set '~/.local/state/ordershop=$ORDERSHOP_HOME' --set "latency.svg=$shop_folder/latency.svg" \
  README.md docs/gateway.md docs/operating.md docs/redis.md docs/performance.md docs/certificates.md client/README.md
