#!/usr/bin/env bash
# Runs in the client's pod: customers and orders, one after the other, by the command line, until its standard input
# ends. Prints what was acknowledged, `customer <id> <address>` and `order <id> <address>`, and `refused <what>`.
#
#   writer.sh TAG PRODUCT_ID
set -uo pipefail

id_of() { sed -n 's/.*"id": *"\([^"]*\)".*/\1/p' | head -n 1; }

stdin_is_open() {
  local status=0
  read -r -t 0.001 _ || status=$?
  [ "$status" -ne 1 ]
}

number=0
while stdin_is_open; do
  number=$((number + 1))
  address=$1.$number@example.com
  if ! customer=$(ordershop --json customer create --name "Writer $number" --email "$address" </dev/null); then
    echo "refused customer $address"
    continue
  fi
  customer=$(id_of <<<"$customer")
  echo "customer $customer $address"
  if order=$(ordershop --json order create --customer "$customer" --product "$2" </dev/null); then
    echo "order $(id_of <<<"$order") $address"
  else
    echo "refused order $address"
  fi
done
