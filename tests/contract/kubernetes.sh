#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The manifests, without a cluster: kustomize builds each overlay, also with mutual TLS; what comes out fits Kubernetes'
# schemas, and names, ports, variables, images, files and network policies agree with each other, with the services
# (--help, deploy/services.txt), the Dockerfile and Redis' users (tests/kubernetes/manifests.py).
# kustomize is built from its Go module, the schemas are those of the Python package kubernetes-validate; both are kept in
# the user's cache folder.

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
. "$ORDERSHOP_SOURCE/tests/lib/go_tool.sh"

readonly validate_version=1.37.0

if nm -D "$ORDERSHOP_BIN/ordershop-customer" 2>/dev/null | grep __asan_init >/dev/null; then
  skip "not applicable: sanitizers have nothing to see here"
fi
# the newest version that Debian 12's Go can build
kustomize=$(find_go_tool kustomize sigs.k8s.io/kustomize/kustomize/v5 v5.0.3 2>"$shop_folder/why") ||
  skip "no kustomize: $(tail -n 1 "$shop_folder/why")"

# Sets `python` to one that has the schemas.
find_schemas() {
  local folder=${XDG_CACHE_HOME:-$HOME/.cache}/ordershop-tools/kubernetes-validate-$validate_version
  python=$folder/bin/python
  [ ! -x "$folder/complete" ] || return 0
  # a venv can't be moved: whoever comes second waits
  mkdir -p "$(dirname "$folder")"
  exec 6>"$folder.lock"
  flock 6
  [ ! -x "$folder/complete" ] || return 0
  rm -rf "$folder"
  python3 -m venv "$folder" >"$shop_folder/why" 2>&1 &&
    "$folder/bin/pip" install --quiet --disable-pip-version-check "kubernetes-validate==$validate_version" \
      >"$shop_folder/why" 2>&1 && ln -s bin/python "$folder/complete"
}
find_schemas || skip "no kubernetes-validate: $(tail -n 1 "$shop_folder/why")"

# A copy, which gets secrets.
manifests=$shop_folder/kubernetes
cp -r "$ORDERSHOP_SOURCE/deploy/kubernetes" "$manifests"
rm -rf "$manifests"/components/*/secrets
"$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$manifests/components/redis-users/secrets" >/dev/null
certificates=("$ORDERSHOP_SOURCE/deploy/tls/certificates.sh" "$manifests/components/mutual-tls/secrets")
"${certificates[@]}" ca >/dev/null
"${certificates[@]}" issue-all >/dev/null
"${certificates[@]}" issue client/operator >/dev/null
"${certificates[@]}" issue redis redis-{0,1,2} redis-{0..5}.redis >/dev/null
"${certificates[@]}" issue sentinel sentinel-{0,1,2} >/dev/null
install -D -m 600 -t "$manifests/components/redis-tls/secrets" \
  "$manifests"/components/mutual-tls/secrets/{ca.crt,redis.crt,redis.key,sentinel.crt,sentinel.key}
mkdir "$manifests/overlays/mutual-tls"
cat >"$manifests/overlays/mutual-tls/kustomization.yaml" <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: ordershop
resources: [../production]
components: [../../components/mutual-tls]
END
mkdir "$manifests/overlays/redis-tls"
sed 's,mutual-tls],mutual-tls\, ../../components/redis-tls],' "$manifests/overlays/mutual-tls/kustomization.yaml" \
  >"$manifests/overlays/redis-tls/kustomization.yaml"
# Production with a cluster in place of sentinels.
mkdir "$manifests/overlays/redis-cluster"
cp -r "$manifests"/overlays/production/* "$manifests/overlays/redis-cluster"
sed -i 's,components/redis-sentinel,components/redis-cluster,' "$manifests/overlays/redis-cluster/kustomization.yaml"
install -D -m 600 -t "$manifests/components/redis-cluster/redis-tls/secrets" \
  "$manifests"/components/mutual-tls/secrets/{ca.crt,redis.crt,redis.key}
mkdir "$manifests/overlays/redis-cluster-tls"
sed 's,production],redis-cluster],; s,mutual-tls],mutual-tls\, ../../components/redis-cluster/redis-tls],' \
  "$manifests/overlays/mutual-tls/kustomization.yaml" >"$manifests/overlays/redis-cluster-tls/kustomization.yaml"
builds() { # builds OVERLAY; a warning (something deprecated) counts as a failure
  "$kustomize" build "$manifests/overlays/$1" >"$shop_folder/$1.yaml" 2>"$shop_folder/warnings"
  cat "$shop_folder/warnings"
  [ ! -s "$shop_folder/warnings" ]
}

agrees() { # agrees FILE [CHECK]
  "$python" "$ORDERSHOP_SOURCE/tests/kubernetes/manifests.py" "$ORDERSHOP_SOURCE" "$ORDERSHOP_BIN" "$@"
}

# A check that finds nothing would be worth nothing: each of these edits must be found, by the check that is named.
finds() { finds_in production "$@"; }
finds_in() { # finds_in OVERLAY CHECK PATTERN REPLACEMENT: a sed expression on what the overlay builds to
  local overlay=$1 check=$2
  sed "s#$3#$4#" "$shop_folder/$overlay.yaml" >"$shop_folder/changed.yaml"
  ! cmp -s "$shop_folder/$overlay.yaml" "$shop_folder/changed.yaml" || { say "nothing is changed" && return 1; }
  agrees "$shop_folder/changed.yaml" "$check" >"$shop_folder/found" || true
  cat "$shop_folder/found"
  grep -q "^FAILED: $check" "$shop_folder/found"
}

# A service of one's own beside the shop, from its row in the list.
own_service_builds() {
  local deploy=$shop_folder/deploy folder
  cp -r "$ORDERSHOP_SOURCE/deploy" "$deploy"
  echo 'guestbook 50190 guestbook customer mail,order keeps notes' >>"$deploy/services.txt"
  "$deploy/service_files.sh" kubernetes guestbook || return 1
  folder=$deploy/kubernetes/components/guestbook
  "$deploy/redis/make_users.sh" "$manifests/components/redis-users/secrets"
  mkdir "$folder/secrets"
  cp "$manifests/components/redis-users/secrets/guestbook.password" "$folder/secrets"
  cp -r "$folder" "$manifests/components"
  mkdir "$manifests/overlays/guestbook"
  cat >"$manifests/overlays/guestbook/kustomization.yaml" <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: ordershop
resources: [../production]
components: [../../components/guestbook, ../../components/release]
END
  builds guestbook && agrees "$shop_folder/guestbook.yaml" "every object fits" && agrees "$shop_folder/guestbook.yaml" "every pod has" &&
    agrees "$shop_folder/guestbook.yaml" "every probe" && grep -q 'ORDERSHOP_GUESTBOOK_ADDRESS: dns:///guestbook:50190' "$shop_folder/guestbook.yaml" &&
    grep -q 'name: order-from-guestbook' "$shop_folder/guestbook.yaml"
}

# The same with certificates, on either side of the shop's own component for them.
own_service_has_a_certificate() {
  local own=$manifests/components/guestbook/mutual-tls overlay order components
  "$shop_folder/deploy/tls/certificates.sh" "$manifests/components/mutual-tls/secrets" issue-all || return 1
  install -D -m 600 -t "$own/secrets" "$manifests"/components/mutual-tls/secrets/{ca.crt,guestbook.crt,guestbook.key}
  for order in 'guestbook guestbook/mutual-tls mutual-tls' 'mutual-tls guestbook guestbook/mutual-tls'; do
    read -ra components <<<"$order"
    overlay=${components[0]}-first
    mkdir "$manifests/overlays/$overlay"
    cat >"$manifests/overlays/$overlay/kustomization.yaml" <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: ordershop
resources: [../production]
components: [$(printf '../../components/%s, ' "${components[@]}")../../components/release]
END
    builds "$overlay" && agrees "$shop_folder/$overlay.yaml" "every object fits" &&
      agrees "$shop_folder/$overlay.yaml" "every file" && grep -q 'secretName: tls-guestbook' "$shop_folder/$overlay.yaml" &&
      grep -q 'name: tls-guestbook' "$shop_folder/$overlay.yaml" || return 1
  done
}

own_service_is_not_overwritten() {
  ends_with 1 "is there already" "$shop_folder/deploy/service_files.sh" kubernetes guestbook &&
    ends_with 1 "there is no service 'nowhere'" "$shop_folder/deploy/service_files.sh" kubernetes nowhere &&
    ends_with 1 "order is one of the shop" "$shop_folder/deploy/service_files.sh" kubernetes order
}

# The component of the gateway, and the example of its Ingress.
gateway_builds() {
  mkdir "$manifests/overlays/gateway"
  cp "$manifests/components/gateway/ingress.example.yaml" "$manifests/overlays/gateway"
  cat >"$manifests/overlays/gateway/kustomization.yaml" <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: ordershop
resources: [../production, ingress.example.yaml]
components: [../../components/gateway, ../../components/release]
END
  builds gateway && agrees "$shop_folder/gateway.yaml" "every object fits" && agrees "$shop_folder/gateway.yaml" "every pod has" &&
    agrees "$shop_folder/gateway.yaml" "every image" && grep -q 'kind: Ingress' "$shop_folder/gateway.yaml"
}

# The component for metrics, over services and gateway.
metrics_build() {
  mkdir "$manifests/overlays/metrics"
  cat >"$manifests/overlays/metrics/kustomization.yaml" <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: ordershop
resources: [../production]
components: [../../components/gateway, ../../components/metrics, ../../components/release]
END
  builds metrics && agrees "$shop_folder/metrics.yaml" "every object fits" && agrees "$shop_folder/metrics.yaml" "every variable" &&
    [ "$(grep -c 'name: ORDERSHOP_METRICS_LISTEN' "$shop_folder/metrics.yaml")" = 9 ] && [ "$(grep -c 'containerPort: 9464' "$shop_folder/metrics.yaml")" = 9 ]
}

# As for metrics.
traces_build() {
  mkdir "$manifests/overlays/traces"
  sed 's,components/metrics,components/traces,' "$manifests/overlays/metrics/kustomization.yaml" \
    >"$manifests/overlays/traces/kustomization.yaml"
  builds traces && agrees "$shop_folder/traces.yaml" "every object fits" && agrees "$shop_folder/traces.yaml" "every variable" &&
    [ "$(grep -c 'name: ORDERSHOP_TRACES_ENDPOINT' "$shop_folder/traces.yaml")" = 9 ] && [ "$(grep -c 'port: 4317' "$shop_folder/traces.yaml")" = 1 ]
}

# The archive's volume, and the job that archives, which is an operator where there are certificates.
archive_builds() { # archive_builds OVERLAY COMPONENT...
  local overlay=$1
  shift
  mkdir "$manifests/overlays/$overlay"
  cat >"$manifests/overlays/$overlay/kustomization.yaml" <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: ordershop
resources: [../production]
components: [$(printf '../../components/%s, ' "$@")../../components/release]
END
  builds "$overlay" && agrees "$shop_folder/$overlay.yaml" && grep -q 'kind: PersistentVolumeClaim' "$shop_folder/$overlay.yaml" &&
    grep -q 'kind: CronJob' "$shop_folder/$overlay.yaml"
}

# The job's command, as the command line itself reads it: it fails later, since there is no shop.
the_job_can_be_read() {
  local command
  mapfile -t command < <("$python" -c 'import sys, yaml
for item in yaml.safe_load_all(open(sys.argv[1])):
    if item["kind"] == "CronJob":
        print("\n".join(item["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["command"]))' "$shop_folder/archive.yaml")
  [ "${command[0]}" = ordershop ] && ends_with 3 PEER_UNREACHABLE \
    env ORDERSHOP_EVENT_ADDRESS=127.0.0.1:1 "$ORDERSHOP_BIN/ordershop" "${command[@]:1}" --timeout 1
}

an_archive_that_ends_with_the_pod_is_found() {
  sed 's,claimName: archive,claimName: attic,' "$shop_folder/archive.yaml" >"$shop_folder/changed.yaml"
  ! agrees "$shop_folder/changed.yaml" "every claimed" && sed 's,mountPath: /var/lib/ordershop/archive,mountPath: /attic,' \
    "$shop_folder/archive.yaml" >"$shop_folder/changed.yaml" && ! agrees "$shop_folder/changed.yaml" "every claimed"
}

# Compose takes it together with the shop's file; here without Docker, so only names are compared.
own_compose_file_fits() {
  "$shop_folder/deploy/service_files.sh" compose guestbook || return 1
  "$python" - "$shop_folder/deploy/docker/compose.yaml" "$shop_folder/deploy/docker/guestbook.yaml" <<'PYTHON'
import sys, yaml
shop, own = (yaml.safe_load(open(path)) for path in sys.argv[1:])
guestbook, customer = own["services"]["guestbook"], shop["services"]["customer"]
assert set(guestbook) | {"<<"} >= set(customer), set(customer) - set(guestbook)
assert guestbook["networks"] == customer["networks"] and guestbook["volumes"] == customer["volumes"]
assert guestbook["environment"]["ORDERSHOP_ORDER_ADDRESS"] == shop["x-environment"]["ORDERSHOP_ORDER_ADDRESS"]
assert set(own["services"]) - {"guestbook"} <= set(shop["services"])
PYTHON
}

# service_files KIND NAME ARGUMENT...: those of a copy
service_files() { "$shop_folder/deploy/service_files.sh" "$@"; }

# One from outside of the tree has no row in the list, but an image.
outside_service_builds() {
  local own=$manifests/components/diary
  service_files kubernetes diary --image registry.example/diary:1 --port 7000 --reads diary,customer --calls mail || return 1
  cp -r "$shop_folder/deploy/kubernetes/components/diary" "$own"
  "$shop_folder/deploy/redis/make_users.sh" "$manifests/components/redis-users/secrets" --service diary --reads diary,customer
  install -D -m 600 "$manifests/components/redis-users/secrets/diary.password" "$own/secrets/diary.password"
  mkdir "$manifests/overlays/diary"
  cat >"$manifests/overlays/diary/kustomization.yaml" <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: ordershop
resources: [../production]
components: [../../components/diary]
END
  builds diary && grep -q 'image: registry.example/diary:1$' "$shop_folder/diary.yaml" &&
    grep -q 'containerPort: 7000' "$shop_folder/diary.yaml" && grep -q 'name: mail-from-diary' "$shop_folder/diary.yaml"
}

outside_compose_file_fits() {
  service_files compose diary --image registry.example/diary:1 --port 7000 --reads diary,customer --calls mail || return 1
  "$python" - "$shop_folder/deploy/docker/compose.yaml" "$shop_folder/deploy/docker/diary.yaml" <<'PYTHON'
import sys, yaml
shop, own = (yaml.safe_load(open(path)) for path in sys.argv[1:])
diary, customer = own["services"]["diary"], shop["services"]["customer"]
assert set(diary) | {"<<", "build"} >= set(customer) and "build" not in diary and diary["image"] == "registry.example/diary:1"
user = own["services"]["diary-user"]
assert "--service diary --owns diary --reads diary,customer" in user["command"][0] and "chown 7000 diary.password" in user["command"][0]
assert user["image"] == shop["services"]["users"]["image"] and user["volumes"] == shop["services"]["users"]["volumes"]
assert own["services"]["redis"]["depends_on"] == {"diary-user": {"condition": "service_completed_successfully"}}
for caller in ("gateway", "client"):
    assert own["services"][caller]["environment"] == {"ORDERSHOP_DIARY_ADDRESS": "dns:///diary:7000"}, caller
PYTHON
}

# Both files of one's own together with the shop's, as compose itself reads them; that needs no Docker to run.
compose_takes_them() {
  local files=()
  for file in compose guestbook diary; do files+=(--file "$shop_folder/deploy/docker/$file.yaml"); done
  command -v docker-compose >/dev/null || { say "not applicable: docker-compose is not installed" && return 0; }
  ORDERSHOP_VERSION=1 docker-compose "${files[@]}" config >"$shop_folder/merged.yaml" &&
    "$python" -c 'import sys, yaml
redis = yaml.safe_load(open(sys.argv[1]))["services"]["redis"]
assert set(redis["depends_on"]) == {"users", "diary-user"} and "healthcheck" in redis' "$shop_folder/merged.yaml"
}

# Whoever has a Redis in the one file asks sentinels in the other, as the same user.
failover_file_names_everybody() {
  "$python" - "$ORDERSHOP_SOURCE/deploy/docker/compose.yaml" "$ORDERSHOP_SOURCE/deploy/docker/failover.yaml" <<'PYTHON'
import sys, yaml
shop, failover = (yaml.safe_load(open(path))["services"] for path in sys.argv[1:])
address = {name: own["networks"]["store"]["ipv4_address"] for name, own in failover.items() if "networks" in own}
sentinels = ",".join(f"{address[name]}:26379" for name in address if name.startswith("sentinel-"))
for name, service in shop.items():
    url = service.get("environment", {}).get("ORDERSHOP_REDIS_URL") if isinstance(service.get("environment"), dict) else None
    if url:
        user = url.split("//")[1].split("@")[0]
        own = failover[name]["environment"]
        assert own["ORDERSHOP_REDIS_URL"] == f"redis+sentinel://{user}@{sentinels}/shop", name
        assert own["ORDERSHOP_REDIS_SENTINEL_USER"] == user, name
        assert own["ORDERSHOP_REDIS_SENTINEL_PASSWORD_FILE"] == service["environment"]["ORDERSHOP_REDIS_PASSWORD_FILE"], name
assert failover["redis"]["environment"]["ORDERSHOP_FAILOVER_SENTINELS"] == sentinels
PYTHON
}

misfits_are_refused() {
  ends_with 1 'port 50051 is that of customer' service_files compose agenda --image x --port 50051 &&
    ends_with 1 'there is no entity "oder"' service_files compose agenda --image x --port 7001 --reads oder &&
    ends_with 1 'there is no service "post"' service_files compose agenda --image x --port 7001 --calls post &&
    ends_with 1 'order stands here twice' service_files compose order --image x --port 7001 &&
    ends_with 1 'is no image' service_files compose agenda --image 'x y' --port 7001 &&
    ends_with 1 '80 is no port that' service_files compose agenda --image x --port 80 &&
    ends_with 2 'at which --port' service_files compose agenda --image x &&
    ends_with 2 'go with --image' service_files compose guestbook --port 7001 &&
    ends_with 2 "unknown argument '--imge'" service_files compose agenda --imge x &&
    ends_with 2 "which service" service_files compose && [ ! -e "$shop_folder/deploy/docker/agenda.yaml" ]
}

no_secret_is_tracked() {
  [ -z "$(git -C "$ORDERSHOP_SOURCE" ls-files 'deploy/kubernetes/**/secrets/**')" ]
}

secrets_are_ignored() { # wherever kustomization files ask for them
  local folder
  for folder in redis-users mutual-tls redis-tls redis-cluster/redis-tls guestbook guestbook/mutual-tls; do
    git -C "$ORDERSHOP_SOURCE" check-ignore "deploy/kubernetes/components/$folder/secrets/a.key" || return 1
  done
}

for overlay in local production mutual-tls redis-tls redis-cluster redis-cluster-tls; do
  expect "kustomize builds $overlay" builds $overlay
  expect "$overlay agrees with itself, the services and the images" agrees "$shop_folder/$overlay.yaml"
done
expect "a misspelt field is found" finds "every object fits" "terminationGracePeriodSeconds" "terminationGracePeriodsSeconds"
expect "another port is found" finds "every service is there" "port: 50053" "port: 50153"
expect "another version is found" finds "every image" "image: ordershop/order:.*" "image: ordershop/order:latest"
expect "an unknown variable is found" finds "every variable" "name: ORDERSHOP_HEALTH_LISTEN" "name: ORDERSHOP_HEALTH"
expect "a wrong address is found" finds "every address" "dns:///inventory:50053" "dns:///inventory:50054"
expect "another sentinel is found" finds "every address" "sentinel-2:26379/shop" "sentinel-3:26379/shop"
expect "a server that the others don't know is found" finds "servers and sentinels" "redis-2:6379" "redis-3:6379"
expect "a service that shares another one's slot is found" finds_in redis-cluster "a cluster has" "ORDERSHOP_ORDER_KEY_PREFIX: '{order}:'" "ORDERSHOP_ORDER_KEY_PREFIX: '{mail}:'"
expect "a slot without a master is found" finds_in redis-cluster "a cluster has" "8192-15359" "8193-15359"
expect "a node that the others don't reach is found" finds_in redis-cluster "policies allow" "port: bus" "port: redis"
expect "a node without its certificate is found" finds_in redis-cluster-tls "every file" "mountPath: /etc/ordershop/tls" "mountPath: /etc/tls"
expect "a path where nothing is mounted is found" finds "every file" "mountPath: /etc/ordershop/redis" "mountPath: /etc/redis"
expect "a Redis whose log is not mended is found" finds "redis is started" "^        - /var/lib/redis$" "        - /data"
expect "a probe of another port is found" finds "every probe" "containerPort: 50050" "containerPort: 50049"
expect "a rollout that takes away replicas is found" finds "no rollout" "maxUnavailable: 0" "maxUnavailable: 1"
expect "a pod that may write its root is found" finds "every pod has" "readOnlyRootFilesystem: true" "readOnlyRootFilesystem: false"
expect "a missing label is found" finds "every selector" "app.kubernetes.io/instance" "instance"
expect "a policy of another port is found" finds "policies allow" "port: grpc" "port: health"
expect "a policy for other callers is found" finds "policies allow" "^          - billing$" "          - crm"
expect "a service of one's own is a component that fits the shop" own_service_builds
expect "with certificates it has one of its own" own_service_has_a_certificate
expect "the gateway is a component that fits the shop" gateway_builds
expect "the component for metrics reaches every service and the gateway" metrics_build
expect "so does that for traces" traces_build
expect "the archive is a component that fits the shop" archive_builds archive archive
expect "with certificates its job shows that of an operator" archive_builds archive-tls mutual-tls archive archive/mutual-tls
expect "the job's command is one that there is" the_job_can_be_read
expect "an archive without its volume is found" an_archive_that_ends_with_the_pod_is_found
expect "made once, and of services that there are" own_service_is_not_overwritten
expect "for compose it has all that the shop's services have" own_compose_file_fits
expect "one from outside of the tree is a component, too" outside_service_builds
expect "for compose it has a user in Redis of its own" outside_compose_file_fits
expect "compose takes the files of several together" compose_takes_them
expect "compose's file for a Redis that fails over names everybody" failover_file_names_everybody
expect "what does not fit the shop is refused, and makes nothing" misfits_are_refused
expect "no password or key is under version control" no_secret_is_tracked
if git -C "$ORDERSHOP_SOURCE" rev-parse --git-dir >/dev/null 2>&1; then
  expect "nor can one get there by accident" secrets_are_ignored
fi
shop_done
