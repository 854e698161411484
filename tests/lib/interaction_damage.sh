# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# To be sourced behind shop.sh: damages what CRM keeps of a customer, so that his next event becomes a dead letter, and
# mends it again.

index_of() { echo "interaction_by_customer_id:$1"; }

damage() { # damage CUSTOMER
  redis rename "$(index_of "$1")" "aside:$1" && redis set "$(index_of "$1")" damaged
}

mend() { # mend CUSTOMER
  redis del "$(index_of "$1")" && redis rename "aside:$1" "$(index_of "$1")"
}

has_interactions() { [ "$(redis zcard "$(index_of "$1")")" = "$2" ]; } # has_interactions CUSTOMER COUNT
