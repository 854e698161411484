#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Makes the files by which a service of one's own runs beside the shop:
#
#   service_files.sh compose NAME [--image IMAGE --port PORT [--owns ENTITY,...] [--reads ENTITY,...] [--calls SERVICE,...]]
#       deploy/docker/NAME.yaml, a second file for compose
#   service_files.sh kubernetes NAME [--image ... as above]
#       deploy/kubernetes/components/NAME, a component for overlays, and in it mutual-tls, another one for shops with
#       certificates
#
# A service of this tree has its row in services.txt, and its image is built of the tree. --image is for one from outside of
# it, whose image there is already. It starts `ordershop-NAME`, which listens at PORT, from 1024 on; the rest is what a row
# says: the entities that it owns (the one of its name; "-" for none) and reads, and what it calls.
#
#   service_files.sh shop
#       makes the parts again that are made of services.txt in the files of the shop itself: docker/compose.yaml,
#       docker/Dockerfile, kubernetes/base/*. Mail and event have parts that are written by hand, for their folders. The shop's
#       services are those with a file in kubernetes/base; others in the list are services of one's own
#
# What is there already of a service of one's own is not overwritten: the files are yours to change. The comment at the top of each says how it is used.
# Exit status: 0; 1 nothing was made, and said why; 2 misuse.

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

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=services.sh
. "$here/services.sh"

fail() {
  printf 'service_files.sh: %s\n' "$*" >&2
  exit 1
}
misuse() {
  printf 'service_files.sh: %s; see service_files.sh --help\n' "$*" >&2
  exit 2
}

# The image is built of the tree, or there already.
compose_image() {
  if [ -n "$image" ]; then
    echo "    image: $image"
    return
  fi
  cat <<END
    image: ordershop/$name:\${ORDERSHOP_VERSION}
    build:
      context: ../..
      dockerfile: deploy/docker/Dockerfile
      target: service
      args: {SERVICE: $name, PORT: '$port', VERSION: '\${ORDERSHOP_VERSION}'}
END
}

# The users of the list are made by the shop's file; Redis reads those of others, too, when it starts.
compose_user() {
  [ -n "$image" ] || return 0
  cat <<END

  # Its user in Redis; then this ends.
  $name-user:
    image: ordershop/redis:\${ORDERSHOP_VERSION}
    user: '0:0'
    read_only: true
    cap_drop: [ALL]
    cap_add: [CHOWN, DAC_OVERRIDE]
    security_opt: ['no-new-privileges:true']
    pids_limit: 128
    network_mode: none
    depends_on:
      users: {condition: service_completed_successfully}
    entrypoint: [bash, -euc]
    command:
      - |
        cd /etc/ordershop/users
        # one after the other, where there are several such services
        flock . /usr/share/ordershop/redis/make_users.sh . --service $name --owns ${owns:--}${reads:+ --reads $reads}
        chown $port $name.password
    tmpfs: [/var/lib/redis]
    volumes: ['users:/etc/ordershop/users']

  redis:
    depends_on:
      $name-user: {condition: service_completed_successfully}
END
}

compose_file() {
  cat <<END
# The service $name beside the shop:
#
#   docker compose -f deploy/docker/compose.yaml -f deploy/docker/$name.yaml up --build --wait
#
# As the shop's services in compose.yaml: its port's number is its user id, which alone can read its password.
services:
  $name:
$(compose_image)
    user: '$port:0'
    read_only: true
    cap_drop: [ALL]
    security_opt: ['no-new-privileges:true']
    pids_limit: 128
    mem_limit: 256m
    restart: unless-stopped
    stop_grace_period: 20s
    depends_on:
      redis: {condition: service_healthy}
    environment:
      ORDERSHOP_LISTEN: '[::]:$port'
      ORDERSHOP_KEY_PREFIX: \${ORDERSHOP_KEY_PREFIX:-}
      ORDERSHOP_LOG_LEVEL: \${ORDERSHOP_LOG_LEVEL:-info}
      ORDERSHOP_LOG_FORMAT: \${ORDERSHOP_LOG_FORMAT:-logfmt}
      ORDERSHOP_REDIS_URL: redis://$name@redis:6379/0
      ORDERSHOP_REDIS_PASSWORD_FILE: /etc/ordershop/users/$name.password
$(for peer in $calls; do echo "      ORDERSHOP_${peer^^}_ADDRESS: dns:///$peer:$(service_column "$peer" 2)"; done)
    healthcheck: {test: [CMD, ordershop-$name, --check-health], interval: 5s, timeout: 5s, retries: 3, start_period: 60s}
    ports: ['127.0.0.1:$port:$port']
    networks: [shop, store]
    volumes: ['users:/etc/ordershop/users:ro']

  gateway:
    environment: &address
      ORDERSHOP_${name^^}_ADDRESS: dns:///$name:$port

  client:
    environment: *address
$(compose_user)
END
}

component_file() {
  cat <<END
# The service $name beside the shop: a component for an overlay, $place. Its password is a file beside this one:
#
#   deploy/redis/make_users.sh deploy/kubernetes/components/redis-users/secrets$user_arguments
#   install -D -m 600 deploy/kubernetes/components/{redis-users,$name}/secrets/$name.password
#
# With components/mutual-tls, components/$name/mutual-tls is the next component behind this one.
# every-service.yaml is base/service.yaml, as it was when this was made.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources: [$name.yaml, network-policies.yaml]
configMapGenerator:
  - {name: shop, behavior: merge, literals: ['ORDERSHOP_${name^^}_ADDRESS=dns:///$name:$port']}
secretGenerator:
  - {name: redis-$name, files: [password=secrets/$name.password]}
patches:
  - path: every-service.yaml
    target: {kind: Deployment, name: $name}
END
}

certificate_file() {
  cat <<END
# The certificate of $name: a component behind components/$name, where components/mutual-tls is, too. From files beside it:
#
#   tls="deploy/tls/certificates.sh deploy/kubernetes/components/mutual-tls/secrets"
#   \$tls issue${certificate_arguments}
#   install -D -m 600 -t deploy/kubernetes/components/$name/mutual-tls/secrets \\
#     deploy/kubernetes/components/mutual-tls/secrets/{ca.crt,$name.crt,$name.key}
#
# every.yaml is components/mutual-tls/every.yaml, as it was when this was made.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
generatorOptions:
  disableNameSuffixHash: true
secretGenerator:
  - name: tls-$name
    files: [ca.crt=secrets/ca.crt, tls.crt=secrets/$name.crt, tls.key=secrets/$name.key]
patches:
  - path: every.yaml
    target: {kind: Deployment, name: $name}
  - target: {kind: Deployment, name: $name}
    patch: |-
      - {op: add, path: /spec/template/spec/volumes/-, value: {name: tls, secret: {secretName: tls-$name, defaultMode: 0440}}}
END
}

# Service, ServiceAccount and Deployment.
deployment_file() {
  local labels="{app.kubernetes.io/name: $name, app.kubernetes.io/component: service}"
  cat <<END
apiVersion: v1
kind: Service
metadata:
  name: $name
  labels: $labels
spec:
  clusterIP: None
  selector: {app.kubernetes.io/name: $name}
  ports: [{name: grpc, port: $port, targetPort: grpc, appProtocol: kubernetes.io/h2c}]
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: $name
  labels: $labels
automountServiceAccountToken: false
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: $name
  labels: $labels
spec:
  selector:
    matchLabels: {app.kubernetes.io/name: $name}
  template:
    metadata:
      labels: $labels
    spec:
      serviceAccountName: $name
      containers:
        - name: service
          image: ${image:-ordershop/$name:version # components/release}
          ports: [{name: grpc, containerPort: $port}]
      volumes:
        - name: redis-password
          secret: {secretName: redis-$name}
END
}

selector() { # selector NAME...: of the pods of these services
  local names=$*
  if [ $# -eq 1 ]; then
    echo "{matchLabels: {app.kubernetes.io/name: $1}}"
  else
    echo "{matchExpressions: [{key: app.kubernetes.io/name, operator: In, values: [${names// /, }]}]}"
  fi
}

policy() { # policy POLICY NAME to|from PEER...: what NAME may call, or who may call it
  local kind=Egress
  [ "$3" = to ] || kind=Ingress
  cat <<END
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: $1}
spec:
  podSelector: {matchLabels: {app.kubernetes.io/name: $2}}
  policyTypes: [$kind]
  ${kind,,}:
    - $3: [{podSelector: $(selector "${@:4}")}]
      ports: [{port: grpc}]
END
}

# What it calls is allowed twice, on its way out and on its way in; what all services may is in base.
policies_file() {
  local peer
  echo "# Who may talk to whom because of $name."
  # shellcheck disable=SC2086 # words
  [ -z "$calls" ] || policy "$name-to-peers" "$name" to $calls
  for peer in $calls; do policy "$peer-from-$name" "$peer" from "$name"; done
}

# --- The shop itself ---

shop_names() {
  local service
  for service in $(service_names); do
    [ ! -e "$here/kubernetes/base/$service.yaml" ] || echo "$service"
  done
}

callers_of() { # those in the shop
  local service
  for service in $(shop_names); do
    [[ " $(service_column "$service" 5) " != *" $1 "* ]] || echo "$service"
  done
}

shop_policies() {
  local service peers callers
  for service in $(shop_names); do
    peers=$(service_column "$service" 5)
    # shellcheck disable=SC2086 # words
    [ -z "$peers" ] || policy "$service-to-peers" "$service" to $peers
  done
  for service in $(shop_names); do
    mapfile -t callers < <(callers_of "$service")
    [ ${#callers[@]} -eq 0 ] || policy "$service-from-peers" "$service" from "${callers[@]}"
  done
}

shop_addresses() { # shop_addresses EQUALS
  local service
  for service in $(shop_names); do echo "ORDERSHOP_${service^^}_ADDRESS$1dns:///$service:$(service_column "$service" 2)"; done
}

shop_compose() {
  cat <<END
$name:
  <<: *service
  image: ordershop/$name:\${ORDERSHOP_VERSION}
  build: {<<: *build, target: $name}
  user: '$port:0'
  environment:
    <<: *environment
    ORDERSHOP_REDIS_URL: redis://$name@redis:6379/0
    ORDERSHOP_REDIS_PASSWORD_FILE: /etc/ordershop/users/$name.password
  healthcheck: {<<: *health, test: [CMD, ordershop-$name, --check-health]}
  ports: ['127.0.0.1:$port:$port']
END
}

shop_image() {
  cat <<END
FROM runtime AS $name
LABEL org.opencontainers.image.title="ordershop-$name" \\
      org.opencontainers.image.description="OrderShop: $(service_rows | sed -n "s/^$name \([^ ]* \)\{4\}//p")"
COPY --from=build /out/usr/bin/ordershop-$name /usr/bin/
ENV ORDERSHOP_LISTEN=[::]:$port
EXPOSE $port
ENTRYPOINT ["ordershop-$name"]
END
}

# Whose parts are written by hand.
by_hand() { [ "$1" = mail ] || [ "$1" = event ]; }

# each FUNCTION: what it says of each other service of the shop, with name and port set, and a blank line between
each() {
  local between=''
  for name in $(shop_names); do
    ! by_hand "$name" || continue
    port=$(service_column "$name" 2)
    printf '%s' "$between"
    "$1"
    between=$'\n'
  done
}

# replace FILE PART: puts what standard input says between the lines that begin and end that part, as far to the right
replace() {
  local file=$here/$1
  grep -q -- "--- made of services.txt by service_files.sh shop: $2 ---" "$file" || fail "$file has no part '$2'"
  awk -v part=": $2 ---" 'BEGIN { while ((getline line <"/dev/stdin") > 0) text[++count] = line }
    /--- end of what is made ---/ { inside = 0 }
    !inside { print }
    /--- made of services.txt by service_files.sh shop: / && index($0, part) {
      inside = 1
      indent = $0
      sub(/#.*/, "", indent)
      for (i = 1; i <= count; i++) print text[i] == "" ? "" : indent text[i]
    }' "$file" >"$file.making"
  cat "$file.making" >"$file"
  rm "$file.making"
}

shop_files() {
  local image=''
  shop_addresses ': ' | replace docker/compose.yaml addresses
  each shop_compose | replace docker/compose.yaml services
  each shop_image | replace docker/Dockerfile services
  shop_addresses '=' | replace kubernetes/base/shop.env addresses
  shop_policies | replace kubernetes/base/network-policies.yaml policies
  for name in $(shop_names); do
    ! by_hand "$name" || continue
    port=$(service_column "$name" 2)
    { echo "# Made of services.txt by service_files.sh shop." && deployment_file; } >"$here/kubernetes/base/$name.yaml"
  done
}

# --- What was asked for ---

case ${1:-} in
-h | --help)
  sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
  exit 0
  ;;
shop)
  [ $# -eq 1 ] || misuse "shop takes no argument"
  service_rows >/dev/null || fail "$services_list is wrong"
  shop_files
  exit 0
  ;;
compose | kubernetes) ;;
*) misuse "shop, compose or kubernetes?" ;;
esac
[ -n "${2:-}" ] || misuse "which service?"
kind=$1 name=$2
image='' port='' owns=$name reads='' calls=''
shift 2
while [ $# -gt 0 ]; do
  case $1 in
  --image | --port | --owns | --reads | --calls)
    [ -n "${2:-}" ] || misuse "$1 needs a value"
    printf -v "${1#--}" %s "$2"
    shift 2
    ;;
  *) misuse "unknown argument '$1'" ;;
  esac
done

if [ -n "$image" ]; then # from outside: it must fit the list as a row of it would
  [ -n "$port" ] || misuse "at which --port does it listen?"
  [[ $image =~ ^[A-Za-z0-9][A-Za-z0-9._/:@-]*$ ]] || fail "\"$image\" is no image"
  row=$(mktemp)
  trap 'rm -f "$row"' EXIT
  echo "$name $port ${owns:--} ${reads:--} ${calls:--}" >"$row"
  why=$({ service_rows "$services_list" "$row" >/dev/null; } 2>&1) || fail "$(sed -n '1 s/.*line [0-9]*: //p' <<<"$why")"
  [ "$port" -ge 1024 ] 2>/dev/null || fail "$port is no port that a program without rights may listen at"
  user_arguments=" \\
#     --service $name --owns $owns${reads:+ --reads $reads}"
  place='behind release, which gives images the version of the shop'
  certificate_arguments=" $name $name $name.ordershop $name.ordershop.svc $name.ordershop.svc.cluster.local"
  calls=${calls//,/ }
else
  [ "$port$owns$reads$calls" = "$name" ] || misuse "--port, --owns, --reads and --calls go with --image: the list has those of $name"
  port=$(service_column "$name" 2) calls=$(service_column "$name" 5) user_arguments='' certificate_arguments=-all
  place='before release'
  [ -n "$port" ] || fail "there is no service '$name' in $services_list"
  [ ! -e "$here/kubernetes/base/$name.yaml" ] || fail "$name is one of the shop, which has its files"
fi
target=$here/docker/$name.yaml
[ "$kind" = compose ] || target=$here/kubernetes/components/$name
[ ! -e "$target" ] || fail "$target is there already: nothing is overwritten"

draft=$target.making.$$
trap 'rm -rf "$draft" ${row:+"$row"}' EXIT
if [ "$kind" = compose ]; then
  compose_file | sed '/^$/{N;/^\n    healthcheck/s/^\n//}' >"$draft"
else
  mkdir "$draft"
  component_file >"$draft/kustomization.yaml"
  deployment_file >"$draft/$name.yaml"
  policies_file >"$draft/network-policies.yaml"
  cp "$here/kubernetes/base/service.yaml" "$draft/every-service.yaml"
  mkdir "$draft/mutual-tls"
  certificate_file >"$draft/mutual-tls/kustomization.yaml"
  cp "$here/kubernetes/components/mutual-tls/every.yaml" "$draft/mutual-tls/every.yaml"
fi
mv -nT "$draft" "$target"
echo "$target is made: see its head"
