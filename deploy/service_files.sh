#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Makes the files by which a service of one's own runs beside the shop, from its row in services.txt:
#
#   service_files.sh compose NAME      deploy/docker/NAME.yaml, a second file for compose
#   service_files.sh kubernetes NAME   deploy/kubernetes/components/NAME, a component for overlays, and in it mutual-tls,
#                                      another one for shops with certificates
#
# What is there already is not overwritten: the files are yours to change. The comment at the top of each says how it is used.
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

compose_file() {
  cat <<END
# The service $name beside the shop:
#
#   docker compose -f deploy/docker/compose.yaml -f deploy/docker/$name.yaml up --build --wait
#
# As the shop's services in compose.yaml: its port's number is its user id, which alone can read its password.
services:
  $name:
    image: ordershop/$name:\${ORDERSHOP_VERSION}
    build:
      context: ../..
      dockerfile: deploy/docker/Dockerfile
      target: service
      args: {SERVICE: $name, PORT: '$port', VERSION: '\${ORDERSHOP_VERSION}'}
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

  client:
    environment:
      ORDERSHOP_${name^^}_ADDRESS: dns:///$name:$port
END
}

component_file() {
  cat <<END
# The service $name beside the shop: a component for an overlay, before release. Its password is a file beside this one:
#
#   deploy/redis/make_users.sh deploy/kubernetes/components/redis-users/secrets
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
#   \$tls issue-all
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

# Service, ServiceAccount and Deployment, as those of the shop's services in base.
deployment_file() { sed -e "s/customer/$name/g; s/50051/$port/g" "$here/kubernetes/base/customer.yaml"; }

policy() { # policy NAME FROM-OR-TO PEER...: what NAME may call, or who may call it
  local kind=Egress direction=to
  [ "$2" = to ] || { kind=Ingress && direction=from; }
  cat <<END
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: $4}
spec:
  podSelector: {matchLabels: {app.kubernetes.io/name: $1}}
  policyTypes: [$kind]
  ${kind,,}:
    - $direction: [{podSelector: {matchExpressions: [{key: app.kubernetes.io/name, operator: In, values: [$3]}]}}]
      ports: [{port: grpc}]
END
}

# What it calls is allowed twice, on its way out and on its way in; what all services may is in base.
policies_file() {
  local peer
  echo "# Who may talk to whom because of $name."
  [ -z "$calls" ] || policy "$name" to "${calls// /, }" "$name-to-peers"
  for peer in $calls; do policy "$peer" from "$name" "$peer-from-$name"; done
}

case ${1:-} in
-h | --help)
  sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
  exit 0
  ;;
compose | kubernetes) [ $# -eq 2 ] || misuse "which service?" ;;
*) misuse "compose or kubernetes?" ;;
esac
kind=$1 name=$2
port=$(service_column "$name" 2) calls=$(service_column "$name" 5)
[ -n "$port" ] || fail "there is no service '$name' in $services_list"
[ ! -e "$here/kubernetes/base/$name.yaml" ] || fail "$name is one of the shop, which has its files"
target=$here/docker/$name.yaml
[ "$kind" = compose ] || target=$here/kubernetes/components/$name
[ ! -e "$target" ] || fail "$target is there already: nothing is overwritten"

draft=$target.making.$$
trap 'rm -rf "$draft"' EXIT
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
