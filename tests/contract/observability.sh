#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# What is shipped for Prometheus and Grafana: promtool takes rules and scrape configurations, each alert fires in its case and
# in no other, and what alerts, dashboard and examples name is there.

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

folder=$ORDERSHOP_SOURCE/deploy/observability

# A copy, in which the tests lie beside the rules.
cp "$folder/alerts.yaml" "$ORDERSHOP_SOURCE/tests/observability/alerts_test.yaml" "$shop_folder"

alerts_fire() { (cd "$shop_folder" && promtool test rules alerts_test.yaml); }

# The tests would find it: a rule that never fires.
a_dumb_alert_is_found() {
  sed -i 's/ordershop_dead_letter_events) > 0/ordershop_dead_letter_events) > 9/' "$shop_folder/alerts.yaml"
  ! alerts_fire
}

# Compose reads it over the shop's file; that needs no Docker to run.
compose_takes_it() {
  command -v docker-compose >/dev/null || { say "not applicable: docker-compose is not installed" && return 0; }
  ORDERSHOP_VERSION=1 docker-compose --file "$ORDERSHOP_SOURCE/deploy/docker/compose.yaml" --file "$folder/compose.yaml" config \
    >"$shop_folder/merged.yaml" && [ "$(grep -c 'ORDERSHOP_METRICS_LISTEN: 0.0.0.0:9464' "$shop_folder/merged.yaml")" = 9 ]
}

if command -v promtool >/dev/null; then
  expect "promtool takes the alerts" promtool check rules "$folder/alerts.yaml"
  expect "promtool takes the configuration for one machine" promtool check config "$folder/prometheus.yaml"
  expect "promtool takes the configuration for compose" promtool check config "$folder/prometheus.compose.yaml"
  expect "each alert fires in its case, and no other does" alerts_fire
  expect "an alert that doesn't fire is found" a_dumb_alert_is_found
fi
expect "compose takes the overlay" compose_takes_it
expect "alerts, dashboard, configurations and documents agree" python3 "$ORDERSHOP_SOURCE/tests/observability/agreement.py" "$ORDERSHOP_SOURCE"
shop_done
