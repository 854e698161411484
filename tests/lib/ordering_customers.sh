# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # what begins with shop_ is of shop.sh, and `product` of the test
# Load of a test: customers who come one after another, and each order `product`. Sourced after shop.sh by a test that has
# `client`, the command line.

# Until the file `closed` is there, or the test's folder is gone; those who have ordered are noted in the file `confirmed`,
# which the test makes before.
customers_come() {
  local number=0 customer
  until [ -e "$shop_folder/closed" ] || [ ! -e "$shop_folder/confirmed" ]; do
    number=$((number + 1))
    customer=$(client customer create --name "Customer $number" --email "c$number@example.com" --quiet 2>/dev/null) || continue
    client order create --customer "$customer" \
      --product "$product" --quiet >/dev/null 2>&1 || continue
    echo "$customer" >>"$shop_folder/confirmed"
  done
}
confirmed() { wc -l <"$shop_folder/confirmed"; }
more_are_confirmed() { [ "$(confirmed)" -ge "$1" ]; } # more_are_confirmed COUNT
await_customers() { wait_until 60 more_are_confirmed $(($(confirmed) + $1)) || fail "no customers come any more"; }
