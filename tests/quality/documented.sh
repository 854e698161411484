#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The documents tell all there is: docs/configuration.md every variable that a program knows, docs/redis.md every key
# that a shop makes in Redis with its type. Services that were added to the tree are their authors' to document.

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

docs=$ORDERSHOP_SOURCE/docs

# Rows of the table whose first columns are headed like that, without heading and rule.
table() { # table 'key | type' DOCUMENT
  awk -v head="| $1 |" 'index($0, head) == 1 { inside = 1; getline; next } !/^\|/ { inside = 0 } inside' "$2"
}

# Names in backticks on standard input, one a line.
# shellcheck disable=SC2016 # backticks as they are
backticked() { grep -o '`[^`]*`' | tr -d '`'; }

# --- Variables ---

# of_each SERVICE...: what the table's names with <SERVICE> stand for
of_each() {
  local service
  for service in "$@"; do sed -n "s/^ORDERSHOP_<SERVICE>_/ORDERSHOP_${service^^}_/p" "$shop_folder/named"; done
}

# A name with <SERVICE> stands for one of each shipped service that owns something.
documented_variables() {
  local service owners=()
  table 'variable | default' "$docs/configuration.md" | backticked >"$shop_folder/named"
  for service in "${shop_owners[@]}"; do
    [[ " ${shop_shipped[*]} " != *" $service "* ]] || owners+=("$service")
  done
  { cat "$shop_folder/named" && of_each "${owners[@]}"; } | grep -x 'ORDERSHOP_[A-Z_]*' | sort -u
}

# Such a name speaks for services that were added to the tree, too.
variables_of_added() { of_each "${shop_services[@]:${#shop_shipped[@]}}"; }

known_variables() { # known_variables PROGRAM
  "$ORDERSHOP_BIN/$1" --help | grep -o 'ORDERSHOP_[A-Z_]*' | sort -u
}

variables_are_documented() {
  local missing
  [ -n "$(known_variables "$1")" ] || return 1
  missing=$(comm -23 <(known_variables "$1") <({ documented_variables && variables_of_added; } | sort -u))
  [ -z "$missing" ] || { say "docs/configuration.md does not name: $missing" && return 1; }
}

programs() { printf 'ordershop-%s\n' "${shop_shipped[@]}" gateway && echo ordershop; }

# What the table names must be read by something.
documented_variables_exist() {
  local variable unknown=''
  while read -r variable; do
    grep -rqF --include='*.[ch]' --include='*.sh' --include='*.txt' "$variable" "$ORDERSHOP_SOURCE"/{services,client,deploy} ||
      programs | while read -r program; do known_variables "$program"; done | grep -x "$variable" >/dev/null ||
      unknown+=" $variable"
  done < <(documented_variables)
  [ -z "$unknown" ] || { say "nobody knows$unknown" && return 1; }
}

# default_of PROGRAM VARIABLE: as --help tells it
default_of() {
  "$ORDERSHOP_BIN/$1" --help | grep -A 2 "($2)" | sed -n 's/.*default \([^ ]*\).*/\1/p' | tail -n 1
}

# Rows of one variable and one default: `ORDERSHOP_X` | `default` |
# shellcheck disable=SC2016 # likewise
documented_defaults_are_true() {
  local variable default program actual wrong=0
  while read -r variable default; do
    while read -r program; do
      known_variables "$program" | grep -x "$variable" >/dev/null || continue
      actual=$(default_of "$program" "$variable")
      [ -z "$actual" ] || [ "$actual" = "${default%% *}" ] || {
        say "$variable of $program: docs/configuration.md says $default, --help $actual"
        wrong=1
      }
    done < <(programs)
  done < <(table 'variable | default' "$docs/configuration.md" | sed -n 's/^| `\(ORDERSHOP_[A-Z_]*\)` | `\([^`]*\)` |.*/\1 \2/p' | grep -v _LISTEN)
  return "$wrong"
}

# --- Keys ---

# Lines "<type> <regular expression>": the types of a row belong to its names in their order, the last one to the rest.
documented_keys() {
  table 'key | type' "$docs/redis.md" | while IFS='|' read -r _ names types _; do
    IFS=',' read -ra types <<<"$types"
    backticked <<<"$names" | {
      i=0
      while read -r name; do
        type=${types[i]:-${types[-1]}}
        i=$((i + 1))
        printf '%s %s\n' "$(redis_type "$type")" "$(expression_of "$name")"
      done
    }
  done
}

redis_type() {
  case ${1,,} in
  *sorted*) echo zset ;;
  *) tr -d ' ' <<<"${1,,}" ;;
  esac
}

expression_of() {
  sed -e "s/<entity>/($(service_rows | cut -d ' ' -f 3 | paste -sd '|'))/" -e "s/<service>/($(service_names | paste -sd '|'))/" \
    -e 's/<created, updated or deleted>/(created|updated|deleted)/' -e 's/<[^>]*>/.+/' -e 's/^/^/; s/$/$/' <<<"$1"
}

key_is_documented() { # key_is_documented KEY TYPE
  local type expression
  while read -r type expression; do
    if [ "$type" = "$2" ] && [[ $1 =~ $expression ]]; then return 0; fi
  done <"$shop_folder/documented_keys"
  return 1
}

keys_are_documented() {
  local key type missing=0 count=0
  documented_keys >"$shop_folder/documented_keys"
  while read -r key; do
    type=$(redis type "$key" </dev/null)
    [ "$type" != none ] || continue # has expired since it was found: a lease, a claim
    count=$((count + 1))
    key_is_documented "$key" "$type" || {
      say "docs/redis.md does not name: $key, a $type"
      missing=1
    }
  done < <(redis --scan | sed 's/[0-9a-f]\{8\}-[0-9a-f-]\{27\}/ID/' | sort -u | while read -r pattern; do
    redis --scan --pattern "${pattern/ID/*}" </dev/null | sed -n 1p
  done)
  say "$count kinds of keys"
  [ "$missing" -eq 0 ] && [ "$count" -gt 30 ]
}

# Every name in the table was made by something in this test, but for those of things that went wrong, of replicas and of the
# archive.
documented_keys_exist() {
  local type expression missing=0
  redis --scan >"$shop_folder/keys" </dev/null
  while read -r type expression; do
    case $expression in *_parked* | *_operations* | *_alone* | *_deferred* | *_outbox* | *_precedence* | *_barrier* | *_rebuild* | *_replaced* | *_archive*) continue ;; esac
    grep -qE "$expression" "$shop_folder/keys" || {
      say "no key is like $expression"
      missing=1
    }
  done <"$shop_folder/documented_keys"
  return "$missing"
}

client() { "$ORDERSHOP_BIN/ordershop" --timeout $((60 * shop_slowness)) "$@"; }

# The demo, and what it leaves out: a mail that somebody sends.
play() {
  client demo --json >/dev/null &&
    client mail send --to ada@example.com --subject Hello --cause "$(cat /proc/sys/kernel/random/uuid)" >/dev/null
}

# A billing and an order that end between their two steps leave a claim and an attempt.
leave_things_open() {
  local customer product first
  customer=$(client customer create --name Ada --email ada@example.com --json | field id)
  product=$(client product create --name Kettle --price 1 --json | field id)
  client inventory create --product "$product" --amount 10 >/dev/null
  first=$(client order create --customer "$customer" --product "$product" --json | field id)
  fail_point_arm billing billing.after_claim kill
  client billing create --order "$first" --timeout 2 || true
  fail_point_arm order order.after_reserve kill
  client order create --customer "$customer" --product "$product" --timeout 2 || true
  await_end billing 10
  await_end order 10
  [ "$(redis zcard order_claim_expiries)" = 1 ] && [ "$(redis zcard inventory_attempts)" = 1 ]
}

field() { sed -n "s/^ *\"$1\": \"\([^\"]*\)\",\{0,1\}\$/\1/p" | sed -n 1p; }

while read -r program; do
  expect "every variable of $program is documented" variables_are_documented "$program"
done < <(programs)
expect "every documented variable is known to something" documented_variables_exist
expect "the documented defaults are those of the programs" documented_defaults_are_true

shop_start "${shop_shipped[@]}"
expect "a demo is played" play
expect "a claim and an attempt are left open" leave_things_open
expect "every key in Redis is documented, with its type" keys_are_documented
expect "every documented key is in Redis" documented_keys_exist
shop_done
