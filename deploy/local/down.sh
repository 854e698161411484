#!/usr/bin/env bash
# Stops the shop that up.sh started: all of it, or the named parts only; the others stay up.
#
#   down.sh [redis|customer|product|inventory|order|billing|crm|mail ...]
#
# Services end gracefully (SIGTERM): calls in flight are answered first. Which shop: ORDERSHOP_HOME, as with up.sh.
# Exit status: 0 all that was named is down; 1 something had to be killed; 2 misuse.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if contains --help "$@" || contains -h "$@"; then
  print_help
  exit 0
fi
choose_parts "$@"
if ! find_home; then
  say "Nothing runs: there is no shop in $home"
  exit 0
fi
lock_home
running=()
for part in "${chosen[@]}"; do
  if part_pid "$part" >/dev/null; then
    running+=("$part")
  else
    rm -f "$home/run/$part.pid"
  fi
done
if [ ${#running[@]} -eq 0 ]; then
  say "Nothing to stop: ${chosen[*]}"
  exit 0
fi
stop_parts "${running[@]}"
