# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # folder, manifests and the like are of kubernetes.sh, which sources this
# Redis' master goes, in each way in which that happens: what kubernetes.sh does to it, while writers write.

# Prints the pod of the master by the sentinels' word.
master_pod() {
  local pod place
  for pod in redis-0 redis-1 redis-2; do
    # shellcheck disable=SC2016 # of the pod's shell
    place=$(kube exec "$pod" -- bash -c '. /usr/share/ordershop/redis/failover_lib.sh && read_environment && master_by_sentinels' \
      2>/dev/null) || continue
    [ -z "$place" ] || { printf '%s' "${place%%:*}" && return; }
  done
  return 1
}

# Prints the pod of the master whose slots orders are in, in a cluster (components/redis-cluster/cluster.env).
cluster_master_pod() {
  local pod
  for pod in redis-{0..5}; do
    # shellcheck disable=SC2016 # of the pod's shell
    if kube exec "$pod" --container redis -- bash -c '. /usr/share/ordershop/redis/failover_lib.sh && read_node_environment &&
      [[ $(ask member "$self" CLUSTER NODES | grep myself) == *master*15360-16383* ]]' >/dev/null 2>&1; then
      printf '%s' "$pod"
      return
    fi
  done
  return 1
}

node_of() { kube get pod "$1" --output 'jsonpath={.spec.nodeName}'; }

is_another() { # is_another FUNCTION POD: does FUNCTION print another pod by now?
  local pod
  pod=$("$1") && [ "$pod" != "$2" ]
}
redis_is_whole() { kube get statefulsets --output name | xargs -n 1 kubectl --namespace ordershop rollout status --timeout=1s; }

# A time in which calls may be refused: it ends when the shop serves again, and a call that was waiting then has its answer.
begin_outage() { outage=$EPOCHREALTIME; }
end_outage() { printf '%s %s\n' "$outage" "$(awk -v now="$EPOCHREALTIME" 'BEGIN { printf "%.6f", now + 2 }')" >>"$folder/outages"; }

# The next disturbance is another one only when there are two replicas again.
wait_until_whole() { wait_until 120 redis_is_whole || { kube get pods -o wide && return 1; }; }

uid_of() { kube get pod "$1" --output 'jsonpath={.metadata.uid}'; }
runs_anew() { # runs_anew POD UID: does the server of another pod of that name run?
  [[ $(uid_of "$1") != "$2" ]] &&
    [[ $(kube get pod "$1" --output 'jsonpath={.status.containerStatuses[?(@.name=="redis")].state.running.startedAt}') == 2* ]]
}

# kill_pod_of FUNCTION: the pod that FUNCTION prints, the master's, is killed and comes back: as the master, if that takes less
# than sentinels wait, or as a replica of another. Its process lives for up to two seconds longer than its pod's object, so all
# may still serve when that is gone.
kill_pod_of() {
  local pod uid begin=${EPOCHREALTIME/./}
  pod=$("$1") || { say "nobody tells who the master is" && return 1; }
  uid=$(uid_of "$pod")
  begin_outage
  kube delete pod "$pod" --grace-period=0 --force || return 1
  wait_until 60 runs_anew "$pod" "$uid" && wait_until 60 client ordershop health || return 1
  end_outage
  say "$pod was the master, $("$1") is; all serve after $(((${EPOCHREALTIME/./} - begin) / 1000)) ms"
  wait_until_whole >/dev/null
}

# Likewise, but it does not come back before another has taken over: its volume is on a node that takes no pods.
lose_pod_of() { # lose_pod_of FUNCTION
  local pod begin=${EPOCHREALTIME/./}
  pod=$("$1") || { say "nobody tells who the master is" && return 1; }
  drained=$(node_of "$pod")
  kubectl cordon "$drained" || return 1
  begin_outage
  kube delete pod "$pod" --grace-period=0 --force || return 1
  wait_until 60 is_another "$1" "$pod" || { say "no other took over from $pod" && return 1; }
  wait_until 60 client ordershop health || return 1
  end_outage
  say "$pod was the master, $("$1") is; all serve after $(((${EPOCHREALTIME/./} - begin) / 1000)) ms"
  uncordon >/dev/null && wait_until_whole >/dev/null
}

# The node of the master is drained; the client, who calls, has to be on another.
drain_master_node() {
  local pod begin
  pod=$(master_pod)
  if [ "$(node_of "$pod")" = "$client_node" ]; then
    kube exec "$pod" -- /usr/share/ordershop/redis/hand_over.sh && wait_until 30 is_another master_pod "$pod" || return 1
    pod=$(master_pod)
  fi
  drained=$(node_of "$pod") begin=$SECONDS
  begin_outage
  kubectl drain "$drained" --ignore-daemonsets --delete-emptydir-data --timeout=200s || return 1
  wait_until 60 client ordershop health || return 1
  end_outage
  say "$drained with the master $pod drained in $((SECONDS - begin)) s; $(master_pod) is the master"
}

kill_sentinel() {
  kube delete pod sentinel-0 --grace-period=0 --force || return 1
  wait_until_whole >/dev/null && say "it is back, and knows the others"
}

restart_all_of_cluster() {
  begin_outage
  kube rollout restart statefulset/redis && kube rollout status statefulset/redis --timeout=400s || return 1
  wait_until 60 client ordershop health || return 1
  end_outage
  say "6 nodes replaced, one by one"
}

restart_all_of_redis() {
  begin_outage
  kube rollout restart statefulset/sentinel statefulset/redis || return 1
  kube rollout status statefulset/redis --timeout=180s && kube rollout status statefulset/sentinel --timeout=60s || return 1
  wait_until 60 client ordershop health || return 1
  end_outage
  say "3 servers and 3 sentinels replaced, one by one"
}
