# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034 # what is set here, those who source this read
# What failover_server.sh, failover_sentinel.sh and hand_over.sh, and those of a cluster, cluster_node.sh, cluster_join.sh and
# cluster_hand_over.sh, have in common: who belongs together, and how one asks another. Sourced by them. All are told by the
# environment:
#
#   ORDERSHOP_FAILOVER_SELF        HOST:PORT of this one, as the others reach it: a name that stays where addresses change
#   ORDERSHOP_FAILOVER_ADDRESS     of a node of a cluster: the IP address at which the others reach it   (default: that to which
#                                  the host of ORDERSHOP_FAILOVER_SELF leads)
#   ORDERSHOP_FAILOVER_SERVERS     HOST:PORT,... of all Redis servers; the first is the master in the beginning. Of a cluster:
#                                  of all nodes (cluster_join.sh says which are masters)
#   ORDERSHOP_FAILOVER_SENTINELS   HOST:PORT,... of all who decide who is the master, by majority; not of a cluster
#   ORDERSHOP_CLUSTER_BUS_DISTANCE  how far above its port a node has the second one, for other nodes   (default 10000)
#   ORDERSHOP_FAILOVER_USERS       a folder of make_users.sh, or what is needed of it: users.acl, replication.conf and
#                                  member.password for a server, sentinels.acl and sentinel.password for a sentinel
#   ORDERSHOP_FAILOVER_TLS         a folder with ca.crt, tls.crt and tls.key: all connections speak TLS   (default: none, in
#                                  plain text)

readonly master_name=shop

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

misuse() {
  printf '%s: %s; see %s --help\n' "${0##*/}" "$*" "${0##*/}" >&2
  exit 2
}

say() { printf '%s: %s\n' "${0##*/}" "$*"; }

print_help() { sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"; }

# Of a node of a cluster.
read_node_environment() {
  self=${ORDERSHOP_FAILOVER_SELF:-} users=${ORDERSHOP_FAILOVER_USERS:-} tls=${ORDERSHOP_FAILOVER_TLS:-}
  bus_distance=${ORDERSHOP_CLUSTER_BUS_DISTANCE:-10000}
  IFS=, read -ra servers <<<"${ORDERSHOP_FAILOVER_SERVERS:-}"
  check_places SELF "$self"
  check_places SERVERS "${servers[@]}"
  [ -d "$users" ] || misuse "ORDERSHOP_FAILOVER_USERS=$users is no folder"
  [ -z "$tls" ] || [ -d "$tls" ] || misuse "ORDERSHOP_FAILOVER_TLS=$tls is no folder"
}

bus_port_of() { printf '%s' $(($(port_of "$1") + bus_distance)); }

read_environment() {
  read_node_environment
  IFS=, read -ra sentinels <<<"${ORDERSHOP_FAILOVER_SENTINELS:-}"
  check_places SENTINELS "${sentinels[@]}"
}

check_places() { # check_places VARIABLE PLACE...
  local variable=ORDERSHOP_FAILOVER_$1 place
  shift
  [ -n "${1:-}" ] || misuse "$variable is not set"
  for place; do
    [[ $place =~ ^[A-Za-z0-9._-]+:[0-9]{1,5}$ ]] || misuse "$variable: '$place' is no HOST:PORT"
  done
}

# Takes FOLDER [ARGUMENT...]: sets `folder` and `arguments`.
read_arguments() {
  case ${1:-} in
  -h | --help)
    print_help
    exit 0
    ;;
  -*) misuse "unknown option '$1'" ;;
  '') misuse "which folder?" ;;
  esac
  folder=$(cd -- "$1" 2>/dev/null && pwd -P) || fail "can't look into the folder $1"
  arguments=("${@:2}")
}

host_of() { printf '%s' "${1%:*}"; }
port_of() { printf '%s' "${1##*:}"; }
# Prints the address that a name leads to; nothing if there is none.
address_of() { { getent ahostsv4 "$1" || getent ahosts "$1" || true; } | awk 'NR == 1 { print $1 }'; }

server_program() { command -v redis-server || command -v valkey-server; }

password_of() { # password_of USER
  local password=
  IFS= read -r password <"$users/$1.password" || [ -n "$password" ] || fail "can't read a password from $users/$1.password"
  printf '%s' "$password"
}

# Asks a server or a sentinel, for two seconds at most; an answer that is an error is a failure.
ask() { # ask USER HOST:PORT ARGUMENT...
  local user=$1 place=$2 program options=()
  shift 2
  program=$(command -v redis-cli || command -v valkey-cli)
  [ -z "$tls" ] || options=(--tls --cacert "$tls/ca.crt" --cert "$tls/tls.crt" --key "$tls/tls.key")
  REDISCLI_AUTH=$(password_of "$user") timeout 2 "$program" -e --no-auth-warning "${options[@]}" \
    -h "$(host_of "$place")" -p "$(port_of "$place")" --user "$user" "$@" 2>/dev/null </dev/null
}

# HOST:PORT of the master by the sentinels that have heard of most failovers, and most of them; nothing if none answers.
master_by_sentinels() {
  local sentinel
  for sentinel in "${sentinels[@]}"; do
    ask member "$sentinel" SENTINEL MASTER $master_name | awk '
      NR % 2 == 1 { name = $0; next }
      { value[name] = $0 }
      END { if ("ip" in value) print value["config-epoch"], value["ip"] ":" value["port"] }' || true
  done | sort | uniq -c | sort -k 2,2n -k 1,1n | awk 'END { print $3 }'
}

# Prints how the server speaks TLS, or where in plain text, as lines of a configuration.
print_listener() {
  if [ -z "$tls" ]; then
    printf 'port %s\n' "$(port_of "$self")"
    return
  fi
  printf 'port 0\ntls-port %s\ntls-replication yes\n' "$(port_of "$self")"
  printf 'tls-ca-cert-file "%s/ca.crt"\ntls-cert-file "%s/tls.crt"\ntls-key-file "%s/tls.key"\n' "$tls" "$tls" "$tls"
}
