#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# What the shop does with one Redis it does in a cluster in which each service has a hash tag of its own, too: suites of this folder and
# of ../fault run once more in that arrangement (../support/private_cluster.h).

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

suites=$(dirname -- "$ORDERSHOP_BIN")/tests

passes_in_cluster() { # passes_in_cluster SUITE
  ORDERSHOP_TEST_APART=cluster "$suites/$1"
}

for suite in acceptance/nine_cases_test acceptance/api_commands_test acceptance/api_crm_test acceptance/api_retries_test \
  fault/stock_interleavings_test fault/billing_interleavings_test; do
  expect "$suite passes in a cluster with a hash tag for each service" passes_in_cluster "$suite"
done
shop_done
