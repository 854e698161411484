#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Tries the shop on a real Kubernetes cluster of three nodes, by hand: it takes about a quarter of an hour. Says what it sees;
# the last lines are the summary.
#
#   kubernetes.sh --cluster-tools FOLDER [--only PART] [--keep]
#   kubernetes.sh [--only PART] [--keep]
#
#   --cluster-tools  where a machine's own cluster comes from: FOLDER/up.sh NODES starts it and prints the `export` line
#                    for its environment, FOLDER/image.sh TAG CONTEXT [OPTION ...] builds an image and gives it to all
#                    nodes (options are docker's), FOLDER/down.sh ends it. Without it: the cluster that kubectl talks to,
#                    of three nodes or more, which has the images of this version already; the namespace ordershop must not
#                    be there.
#   --only PART      one of its parts: local (the overlay), rollouts (overlay production), failover (the same, whose
#                    Redis loses its master), tls (the same with TLS), cluster (the same on a Redis Cluster), cluster_tls
#                    (that with TLS)
#   --keep           leaves cluster and shop as they are at the end
#
# ORDERSHOP_BIN says where `ordershop` for this machine is (default build/bin). Needs kubectl, openssl, python3.
# Exit status: 0 all held; 1 not; 2 misuse.

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

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../deploy/services.sh
. "$root/deploy/services.sh"
# shellcheck source-path=SCRIPTDIR source=kubernetes/failover.sh
. "$root/tests/kubernetes/failover.sh"
mapfile -t services < <(service_names)
ordershop=${ORDERSHOP_BIN:-$root/build/bin}/ordershop
readonly load_seconds=40

say() { printf '%s\n' "$*"; }
heading() { printf '\n== %s (after %s s)\n' "$*" "$SECONDS"; }
fail() {
  printf 'kubernetes.sh: %s\n' "$*" >&2
  exit 1
}
misuse() {
  printf 'kubernetes.sh: %s; see kubernetes.sh --help\n' "$*" >&2
  exit 2
}

# --- What holds and what doesn't ---

summary=() failures=0

# held SENTENCE COMMAND...: one statement; what the command's last line says goes into the summary
held() {
  local sentence=$1 status=0 begin=$SECONDS verdict=held
  shift
  "$@" >"$folder/output" 2>&1 </dev/null || status=$?
  if [ $status -ne 0 ]; then
    verdict=FAILED
    failures=$((failures + 1))
    tail -n 30 "$folder/output" | sed 's/^/  | /'
  fi
  summary+=("$(printf '%-7s %s: %s [%s s]' $verdict "$sentence" "$(tail -n 1 "$folder/output")" $((SECONDS - begin)))")
  say "${summary[-1]}"
}

wait_until() { # wait_until SECONDS COMMAND...
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.5
  done
}

# --- The cluster and the images ---

kube() { kubectl --namespace ordershop "$@"; }
client() { kube exec deploy/client -- "$@"; }

version_of_tree() { sed -n 's/^project(.*VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt"; }

build_images() {
  local version target
  version=$(version_of_tree)
  for target in "${services[@]}" redis client; do
    "$tools/image.sh" "ordershop/$target:$version" "$root" -f "$root/deploy/docker/Dockerfile" --target "$target" \
      --build-arg "VERSION=$version" || return 1
  done
  say "9 images ordershop/*:$version"
}

start_cluster() {
  "$tools/up.sh" 3 >"$folder/environment" || fail "$tools/up.sh could not start a cluster"
  # shellcheck disable=SC1091
  . "$folder/environment"
}

# --- The manifests: a copy, which gets secrets of its own, and overlays for what tests need ---

make_overlay() { # make_overlay NAME LINE...: deploy/kubernetes/overlays/NAME in the copy
  mkdir -p "$manifests/overlays/$1"
  printf '%s\n' 'apiVersion: kustomize.config.k8s.io/v1beta1' 'kind: Kustomization' 'namespace: ordershop' "${@:2}" \
    >"$manifests/overlays/$1/kustomization.yaml"
}

make_manifests() {
  manifests=$folder/kubernetes
  cp -r "$root/deploy/kubernetes" "$manifests"
  "$root/deploy/redis/make_users.sh" "$manifests/components/redis-users/secrets" >/dev/null
  certificates=("$root/deploy/tls/certificates.sh" "$manifests/components/mutual-tls/secrets")
  "${certificates[@]}" ca >/dev/null
  "${certificates[@]}" issue-all >/dev/null
  "${certificates[@]}" issue client/operator >/dev/null
  "${certificates[@]}" issue redis redis-{0,1,2} redis-{0..5}.redis >/dev/null
  "${certificates[@]}" issue sentinel sentinel-{0,1,2} >/dev/null
  install -D -m 600 -t "$manifests/components/redis-tls/secrets" \
    "$manifests"/components/mutual-tls/secrets/{ca.crt,redis.crt,redis.key,sentinel.crt,sentinel.key}
  install -D -m 600 -t "$manifests/components/redis-cluster/redis-tls/secrets" \
    "$manifests"/components/mutual-tls/secrets/{ca.crt,redis.crt,redis.key}
  # Without the mail server, which is not there; the client on a node that is not drained.
  client_node=$(kubectl get nodes --output 'jsonpath={.items[0].metadata.name}')
  make_overlay tested 'resources: [../production]' \
    'configMapGenerator: [{name: shop, behavior: merge, literals: [ORDERSHOP_SMTP_URL=]}]' \
    'patches:' '  - target: {kind: Deployment, name: client}' '    patch: |-' \
    "      - {op: add, path: /spec/template/spec/nodeSelector, value: {kubernetes.io/hostname: $client_node}}"
  cp -r "$manifests/overlays/tested" "$manifests/overlays/tested-cluster"
  cp -r "$manifests/overlays/production" "$manifests/overlays/clustered"
  sed -i 's,components/redis-sentinel,components/redis-cluster,' "$manifests/overlays/clustered/kustomization.yaml"
  sed -i 's,\.\./production,../clustered,' "$manifests/overlays/tested-cluster/kustomization.yaml"
  make_overlay tested-tls 'resources: [../tested]' 'components: [../../components/mutual-tls, ../../components/redis-tls]'
  make_overlay tested-cluster-tls 'resources: [../tested-cluster]' \
    'components: [../../components/mutual-tls, ../../components/redis-cluster/redis-tls]'
}

all_ready() {
  kube get statefulsets --output name | xargs -n 1 kubectl --namespace ordershop rollout status --timeout=120s &&
    kube wait --for=condition=Available deployments --all --timeout=120s &&
    kube get deployments --output name | xargs -n 1 kubectl --namespace ordershop rollout status --timeout=120s &&
    client ordershop health --timeout 60
}

apply() { # apply OVERLAY
  local begin=${EPOCHREALTIME/./}
  kubectl apply -k "$manifests/overlays/$1" 2>"$folder/warnings" || { cat "$folder/warnings" && return 1; }
  if [ -s "$folder/warnings" ]; then cat "$folder/warnings" && return 1; fi
  all_ready || { kube get pods -o wide && kube get events | tail && return 1; }
  say "$(kube get pods --output name | wc -l) pods, all serve after $(((${EPOCHREALTIME/./} - begin) / 1000)) ms"
}

remove_shop() { kubectl delete namespace ordershop --timeout=120s && say "the namespace is gone"; }

# --- Calls ---

demo_from_a_pod() { client ordershop demo; }

# By way of kubectl port-forward, with the command line of this machine.
demo_from_outside() {
  local service port=0 pids=() status=0 port_base=$((20000 + RANDOM % 1000 * 10))
  for service in "${services[@]}"; do
    port=$((port + 1))
    kube port-forward "service/$service" "$((port_base + port)):grpc" >>"$folder/port-forward" 2>&1 &
    pids+=($!)
  done
  { "$ordershop" --port-base "$port_base" health --timeout 20 && "$ordershop" --port-base "$port_base" demo; } || status=1
  kill "${pids[@]}"
  wait "${pids[@]}" 2>/dev/null || true
  return $status
}

# Those of deploy/kubernetes/README.md, on this test's copy of the manifests; the last one goes on in the background.
documented_commands_work() {
  local port=$((20000 + RANDOM % 1000 * 10)) status=0
  (cd "$root" && "$root/tests/lib/documented_commands.py" run kubernetes --set "deploy/kubernetes/=$manifests/" \
    --set "50051:grpc=$port:grpc" deploy/kubernetes/README.md) || status=$?
  pkill -f "port-forward service/customer $port:" || status=1
  return $status
}

# start_load SECONDS: a load of orders and customers by the client library's rules, in the background
start_load() {
  client ordershop load --retry --mode order --in-flight 2 --seconds "$1" --warm-up 0 --json >"$folder/load.json" \
    2>"$folder/load.errors" </dev/null &
  load=$!
}

end_load() {
  local running=no status=0
  ! kill -0 "$load" 2>/dev/null || running=yes
  wait "$load" || status=$?
  cat "$folder/load.json" "$folder/load.errors"
  [ $running = yes ] || { say "the load ended before what it was for" && return 1; }
  python3 -c 'import json, sys
result = json.load(open(sys.argv[1]))
print("%d calls, %d failed, %d of them tried again; p50 %.1f ms, p99 %.1f ms, max %.0f ms" % (result["calls"],
      result["failures"], result["retries"], *(result["latencyMs"][key] for key in ("p50", "p99", "max"))))' "$folder/load.json"
  [ $status -eq 0 ]
}

# shellcheck disable=SC2016 # of awk
received_bytes() { kube exec "$1" -- awk '$1 == "eth0:" { print $2 }' /proc/net/dev; }

# all_replicas_are_called SERVICE MODE: tells how many bytes each of its pods receives during a load. That has two connections
# to each, since load divides calls among connections, not among pods.
all_replicas_are_called() {
  local pod pods before=() bytes line='' i=0 least=-1 most=0
  kube scale "deployment/$1" --replicas=3 && kube rollout status "deployment/$1" --timeout=60s || return 1
  read -ra pods < <(kube get pods --selector "app.kubernetes.io/name=$1" --field-selector status.phase=Running \
    --output 'jsonpath={.items[*].metadata.name}')
  for pod in "${pods[@]}"; do before+=("$(received_bytes "$pod")"); done
  client ordershop load --mode "$2" --in-flight 12 --connections 6 --seconds 5 --warm-up 0 || return 1
  for pod in "${pods[@]}"; do
    bytes=$((($(received_bytes "$pod") - before[i]) / 1024))
    i=$((i + 1))
    line+=" $bytes"
    [ $least -ge 0 ] && [ $least -le $bytes ] || least=$bytes
    [ $most -ge $bytes ] || most=$bytes
  done
  say "${#pods[@]} pods received KiB:$line"
  [ ${#pods[@]} -eq 3 ] && [ $((least * 2)) -gt $most ]
}

# --- Writers: what they are told, is it there afterwards? ---

start_writers() {
  local product i
  product=$(client ordershop --json product create --name Kettle --price 12.34 | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p')
  client ordershop inventory create --product "$product" --amount 1000000 >/dev/null
  : >"$folder/writers"
  : >"$folder/outages"
  writers=()
  mkfifo "$folder/writers-go"
  for i in 1 2; do
    kube exec -i deploy/client -- bash -pc "$(cat "$root/tests/kubernetes/writer.sh")" writer.sh \
      "w$i.$RANDOM" "$product" >>"$folder/writers" 2>>"$folder/writers.errors" <"$folder/writers-go" &
    writers+=($!)
  done
  exec 7>"$folder/writers-go"
  rm "$folder/writers-go"
}

no_lag() {
  client ordershop --json status >"$folder/status" && ! grep '"lagEntries"' "$folder/status" | grep -v '"0"'
}

tell_refusals() {
  say "times in which calls may be refused:"
  cat "$folder/outages"
  say "calls refused:"
  grep '^refused' "$folder/writers" || true
  cat "$folder/writers.errors"
}

end_writers() { # end_writers [OUTAGES]
  exec 7>&-
  wait "${writers[@]}" || true
  wait_until 120 no_lag || { cat "$folder/status" && return 1; }
  client ordershop --json customer list --all >"$folder/customers"
  client ordershop --json order list --all >"$folder/orders"
  wait_until 60 mails_are_sent || true
  python3 "$root/tests/kubernetes/check_acknowledged.py" "$folder/writers" "$folder/customers" "$folder/orders" \
    "$folder/mails" "$@" >"$folder/verdict" && { cat "$folder/verdict" && return; }
  tell_refusals
  cat "$folder/verdict"
  return 1
}

mails_are_sent() {
  client ordershop --json mail list --all >"$folder/mails" && ! grep -q MAIL_STATUS_PENDING "$folder/mails"
}

# --- Disturbances ---

roll_all() {
  kube rollout restart deployment --selector app.kubernetes.io/component=service &&
    kube rollout status deployment --selector app.kubernetes.io/component=service --timeout=60s &&
    say "all pods of 7 services replaced"
}

roll_one_by_one() {
  local service
  for service in "${services[@]}"; do
    kube rollout restart "deployment/$service" && kube rollout status "deployment/$service" --timeout=60s || return 1
  done
  say "all pods of 7 services replaced"
}

# Its processes are killed, its object goes at once.
kill_pods() { # kill_pods NAME
  local begin=$SECONDS
  kube delete pods --selector "app.kubernetes.io/name=$1" --grace-period=0 --force || return 1
  if [ "$1" = redis ]; then
    kube rollout status statefulset/redis --timeout=90s || return 1
  else
    kube rollout status "deployment/$1" --timeout=90s || return 1
  fi
  wait_until 60 client ordershop health || return 1
  say "all serve again after $((SECONDS - begin)) s"
}

uncordon() { [ -z "${drained:-}" ] || kubectl uncordon "$drained"; }

# --- Mutual TLS ---

plain_text_is_refused() {
  local status=0
  client env -u ORDERSHOP_TLS_CA_FILE -u ORDERSHOP_TLS_CERTIFICATE_FILE -u ORDERSHOP_TLS_KEY_FILE \
    ordershop --timeout 3 customer list || status=$?
  [ $status -ne 0 ] && say "exit status $status"
}

certificate_serial() { # of the file in a pod of customer
  kube exec deploy/customer -- cat /etc/ordershop/tls/tls.crt | openssl x509 -noout -serial
}

restarts() { kube get pods --output 'jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].restartCount}{"\n"}{end}' | sort; }

# Those that a rollout has replaced are there until their grace ends.
no_pod_is_ending() { [ -z "$(kube get pods --output 'jsonpath={.items[*].metadata.deletionTimestamp}')" ]; }

serial_has_changed() { [ "$(certificate_serial)" != "$1" ]; }

certificates_are_rotated() {
  local before pods
  wait_until 60 no_pod_is_ending || return 1
  before=$(certificate_serial)
  pods=$(restarts)
  "${certificates[@]}" renew "${services[@]}" client/operator >/dev/null && kubectl apply -k "$manifests/overlays/tested-tls" >/dev/null || return 1
  wait_until 150 serial_has_changed "$before" || return 1
  client ordershop demo >/dev/null || return 1
  restarts | diff <(printf '%s\n' "$pods") - || { say "pods have changed" && return 1; }
  say "renewed, handed out, demo played; no pod was restarted"
}

# --- Parts ---

try_local() {
  heading "Overlay local"
  held "the overlay local is applied without a warning" apply local
  [ $failures -eq 0 ] || fail "the shop does not come up"
  held "the documented commands do what they say" documented_commands_work
  held "the nine cases hold, called from a pod" demo_from_a_pod
  held "the nine cases hold, called from outside" demo_from_outside
  held "each of 3 replicas of customer is called" all_replicas_are_called customer get
  held "each of 3 replicas of order is called" all_replicas_are_called order order
  held "the namespace is removed" remove_shop
}

try_rollouts() {
  heading "Overlay production, two replicas"
  held "the overlay production is applied without a warning" apply tested
  start_writers
  start_load $load_seconds
  held "all services are rolled at once, under load" roll_all
  held "no call failed meanwhile" end_load
  start_load $((load_seconds * 2))
  held "all services are rolled one by one, under load" roll_one_by_one
  held "no call failed meanwhile" end_load
  held "what was acknowledged is there, and each mail once" end_writers

  heading "Killed pods"
  start_writers
  for name in redis "${services[@]}"; do held "killed: all of $name" kill_pods "$name"; done
  held "what was acknowledged is there, and each mail once" end_writers
  held "the nine cases hold" demo_from_a_pod
  held "the namespace is removed" remove_shop
}

try_failover() {
  heading "Overlay production, whose Redis loses its master"
  held "the overlay production is applied without a warning" apply tested
  [ $failures -eq 0 ] || fail "the shop does not come up"
  held "the nine cases hold, called from a pod" demo_from_a_pod
  start_writers
  held "the master's pod is killed, and comes back at once" kill_pod_of master_pod
  for time in first second; do held "the master's pod is killed, and stays away, the $time time" lose_pod_of master_pod; done
  held "a sentinel is killed" kill_sentinel
  held "the master's node is drained" drain_master_node
  held "the node takes pods again" uncordon
  held "all are ready again" wait_until_whole
  held "Redis and the sentinels are restarted one by one" restart_all_of_redis
  held "what was acknowledged is there, each mail once, and no call refused while there was a master" \
    end_writers "$folder/outages"
  held "the nine cases hold" demo_from_a_pod
  held "the namespace is removed" remove_shop
}

try_tls() {
  heading "Overlay production with TLS between services, and to Redis and sentinels"
  held "the components for TLS are applied without a warning" apply tested-tls
  [ $failures -eq 0 ] || fail "the shop does not come up"
  held "the nine cases hold, called from a pod" demo_from_a_pod
  held "who speaks plain text is refused" plain_text_is_refused
  start_writers
  held "the master's pod is killed, and stays away" lose_pod_of master_pod
  held "what was acknowledged is there, each mail once, and no call refused while there was a master" \
    end_writers "$folder/outages"
  held "certificates are rotated without a restart" certificates_are_rotated
  held "the namespace is removed" remove_shop
}

make_users_of_cluster() {
  rm -r "$manifests/components/redis-users/secrets"
  "$root/deploy/redis/make_users.sh" "$manifests/components/redis-users/secrets" --prefix '{shop}:' --each '{<service>}:' >/dev/null
}

try_cluster() {
  heading "Overlay production on a Redis Cluster, with a hash tag for each service"
  make_users_of_cluster
  held "the component for a cluster is applied without a warning" apply tested-cluster
  [ $failures -eq 0 ] || fail "the shop does not come up"
  held "the nine cases hold, called from a pod" demo_from_a_pod
  start_writers
  held "the pod of the orders' master is killed, and comes back at once" kill_pod_of cluster_master_pod
  held "the pod of the orders' master is killed, and stays away" lose_pod_of cluster_master_pod
  held "all nodes are restarted one by one" restart_all_of_cluster
  held "what was acknowledged is there, each mail once, and no call refused while there was a master" \
    end_writers "$folder/outages"
  held "the nine cases hold" demo_from_a_pod
  held "the namespace is removed" remove_shop
}

try_cluster_tls() {
  heading "Overlay production on a Redis Cluster with TLS between services, and to and among the nodes"
  make_users_of_cluster
  held "the components for TLS are applied without a warning" apply tested-cluster-tls
  [ $failures -eq 0 ] || fail "the shop does not come up"
  held "the nine cases hold, called from a pod" demo_from_a_pod
  start_writers
  held "the pod of the orders' master is killed, and stays away" lose_pod_of cluster_master_pod
  held "what was acknowledged is there, each mail once, and no call refused while there was a master" \
    end_writers "$folder/outages"
  held "the namespace is removed" remove_shop
}

# --- Main ---

tools='' keep=no only=''
while [ $# -gt 0 ]; do
  case $1 in
  --cluster-tools)
    [ -d "${2:-}" ] || misuse "--cluster-tools needs a folder"
    tools=$(cd -- "$2" && pwd -P)
    shift
    ;;
  --only)
    [[ ${2:-} =~ ^(local|rollouts|failover|tls|cluster|cluster_tls)$ ]] || misuse "--only is local, rollouts, failover, tls, cluster or cluster_tls"
    only=$2
    shift
    ;;
  --keep) keep=yes ;;
  -h | --help)
    sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
    exit 0
    ;;
  *) misuse "unknown argument '$1'" ;;
  esac
  shift
done
[ -x "$ordershop" ] || fail "there is no $ordershop: build the shop, or say in ORDERSHOP_BIN where it is"
[ -n "$tools" ] || command -v kubectl >/dev/null || fail "there is no kubectl"

folder=$(mktemp -d)
end_run() {
  local status=$?
  trap - EXIT
  exec 7>&-
  jobs -p | xargs -r kill 2>/dev/null || true
  wait
  if [ $keep = no ]; then
    if [ -n "$tools" ]; then "$tools/down.sh" >/dev/null 2>&1 || true; else remove_shop >/dev/null 2>&1 || true; fi
    rm -rf "$folder"
  fi
  exit $status
}
trap end_run EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if [ -n "$tools" ]; then
  heading "Images and cluster"
  held "the images are built" build_images
  [ $failures -eq 0 ] || fail "without images there is nothing to try"
  start_cluster
fi
! kubectl get namespace ordershop >/dev/null 2>&1 || fail "there is a namespace ordershop in this cluster already"
[ "$(kubectl get nodes --output name | wc -l)" -ge 3 ] || fail "the cluster has less than three nodes"
make_manifests

for part in local rollouts failover tls cluster cluster_tls; do
  [ "${only:-$part}" != $part ] || try_$part
done

heading "Summary"
printf '%s\n' "${summary[@]}"
say "$((${#summary[@]} - failures)) passed, $failures failed"
[ $failures -eq 0 ]
