#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The images and the compose file as a user gets them, with real container tools: builds all targets, looks into the
# images, runs the shop by compose.yaml, plays the demo, stops and starts it again.
# suite-seconds: 2400

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

# shellcheck source-path=SCRIPTDIR source=../lib/shop.sh
. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/containers.sh
. "$ORDERSHOP_SOURCE/tests/lib/containers.sh"

[ "$shop_slowness" -eq 1 ] || skip "not applicable: a sanitized build is not what images are made of"
if obstacle=$(containers_obstacle); then skip "$obstacle"; fi

readonly megabytes_most=120 targets=("${shop_shipped[@]}" gateway client redis)
version=$(sed -n 's/^project(ordershop VERSION \([0-9.]*\).*/\1/p' "$ORDERSHOP_SOURCE/CMakeLists.txt")
compose_file=$ORDERSHOP_SOURCE/deploy/docker/compose.yaml
compose_files=(--file "$compose_file")

end_all() {
  local status=$?
  set +e
  [ "$status" -eq 0 ] || tail -n 5 "$containers_folder"/*.log
  containers_end
  (exit "$status")
  shop_end
}
trap end_all EXIT

# With Debian's compose, or the plugin where there is one.
compose() {
  if docker compose version >/dev/null 2>&1; then
    docker compose "${compose_files[@]}" "$@"
  else
    docker-compose "${compose_files[@]}" "$@"
  fi
}

image() { echo "ordershop/$1:$version"; }

# --- Images ---

builds() { # TARGET
  containers_build "$1" "$(image "$1")" --build-arg "VERSION=$version" >"$containers_folder/build-$1.log" 2>&1 || {
    tail -n 40 "$containers_folder/build-$1.log"
    return 1
  }
  buildah push -q "$(image "$1")" "docker-archive:$containers_folder/image.tar:$(image "$1")" &&
    docker load --quiet --input "$containers_folder/image.tar" && rm "$containers_folder/image.tar"
}

is_small() {
  local bytes
  bytes=$(docker image inspect --format '{{.Size}}' "$(image "$1")")
  echo "$bytes bytes"
  [ "$bytes" -le $((megabytes_most * 1000 * 1000)) ]
}

files_of() { # every file of an image, as tar lists it
  local container status=0
  container=$(docker create "$(image "$1")")
  docker export "$container" | tar -tv >"$containers_folder/files-$1" || status=$?
  docker rm --volumes "$container" >/dev/null
  return $status
}

lends_no_rights() {
  if grep -E '^-(..[sS]|.....[sS])' "$containers_folder/files-$1"; then return 1; fi
}

# Neither what built it, nor what installing leaves behind, nor programs beyond the base's and its own.
holds_nothing_else() {
  if grep -E ' (build|src|out)/|/(gcc|cc|cmake|ninja|curl|wget|openssl|perl5?|python3)$|\.deb$|_Packages|\.(h|a|o)$' \
    "$containers_folder/files-$1" | grep -v ' usr/bin/perl$'; then return 1; fi
}

has_its_license() { grep ' usr/share/doc/ordershop/copyright$' "$containers_folder/files-$1"; }

label() { docker image inspect --format "{{index .Config.Labels \"org.opencontainers.image.$2\"}}" "$(image "$1")"; }

is_labelled() {
  [ "$(label "$1" version) $(label "$1" title)" = "$version ordershop-$1" ] && [[ $(label "$1" licenses) == Apache-2.0* ]] &&
    [[ $(docker image inspect --format '{{.Config.User}}' "$(image "$1")") == 65532* ]]
}

says_its_version() {
  [ "$(docker run --rm --read-only --network none "$(image "$1")" --version)" = "ordershop-$1 $version" ]
}

# --- Any user id, nothing writable but volumes ---

confined() { # confined ARGUMENT...: as OpenShift would: an id that the image does not know, of group 0
  docker run --detach --user 12345:0 --read-only --cap-drop ALL --security-opt no-new-privileges "$@"
}

runs_as_any_user() {
  confined --name any-redis "$(image redis)" >/dev/null
  confined --name any-mail --network container:any-redis --env ORDERSHOP_REDIS_URL=redis://127.0.0.1:6379/0 \
    "$(image mail)" >/dev/null
  wait_until 60 docker exec any-mail ordershop-mail --check-health &&
    docker run --rm --user 12345:0 --read-only --network container:any-redis "$(image client)" \
      mail send --to ada@example.com --subject Hello --body Hello &&
    wait_until 60 has_written_a_mail
}

has_written_a_mail() { [ -n "$(docker exec any-mail ls /var/lib/ordershop/mail)" ]; }

says_when_redis_is_away() {
  docker stop any-redis >/dev/null
  ! docker exec any-mail ordershop-mail --check-health >"$containers_folder/said" 2>&1 &&
    grep -q 'says that it is not ready' "$containers_folder/said"
}

# --- Compose ---

has_the_version_of_the_tree() { grep -qx "ORDERSHOP_VERSION=$version" "$(dirname "$compose_file")/.env"; }

comes_up() { compose up --detach >"$containers_folder/up.log" 2>&1 && wait_until 60 all_are_healthy; }

all_are_healthy() { are_healthy "${shop_shipped[@]}" gateway redis; }

are_healthy() { # are_healthy SERVICE...
  local service
  for service; do
    [ "$(state_of "$service" '{{.State.Health.Status}}')" = healthy ] || return 1
  done
}

state_of() { docker inspect --format "$2" "$(compose ps --quiet "$1")"; }

plays_the_demo() { compose run --rm client demo; }

is_reached_from_the_machine() { containers_on_host "$ORDERSHOP_BIN/ordershop" health; }

publishes_on_loopback_only() {
  local ports
  ports=$(docker ps --format '{{.Ports}}' | grep -o '[^ ,]*->' | sort)
  echo "$ports"
  [ "$(wc -l <<<"$ports")" -eq $((${#shop_shipped[@]} + 1)) ] && ! grep -vE '^127\.0\.0\.1:(5005[1-8]|5000)->$' <<<"$ports"
}

keeps_passwords_apart() {
  compose exec -T customer cat /etc/ordershop/users/customer.password >/dev/null &&
    ! compose exec -T customer cat /etc/ordershop/users/mail.password
}

lets_people_look_but_not_write() {
  [ "$(compose run --rm redis-cli EXISTS ordershop_clock | tr -d '\r')" = 1 ] &&
    compose run --rm redis-cli DEL ordershop_clock | grep NOPERM
}

ends_with_status_0() { # SERVICE
  local begin=$SECONDS
  compose stop "$1" >/dev/null 2>&1
  echo "after $((SECONDS - begin)) s"
  [ "$(docker inspect --format '{{.State.ExitCode}}' "$(compose ps --all --quiet "$1" 2>/dev/null || compose ps --quiet "$1")")" = 0 ] &&
    [ $((SECONDS - begin)) -lt 15 ]
}

customers() { compose run --rm client customer list --json; }

keeps_the_data() {
  local before
  before=$(customers)
  [ -n "$before" ] && compose down >/dev/null 2>&1 && [ -z "$(docker ps --all --quiet)" ] && comes_up &&
    [ "$(customers)" = "$before" ]
}

# As a power cut leaves it: a transaction that has only begun.
# shellcheck disable=SC2016 # no variables
mends_a_torn_log() {
  compose stop redis >/dev/null 2>&1
  compose run --rm --no-deps --entrypoint bash redis -c \
    'printf "*1\r\n\$5\r\nMULTI\r\n*3\r\n\$3\r\nSET\r\n\$1" >>/var/lib/redis/appendonlydir/appendonly.aof.1.incr.aof' &&
    comes_up && compose logs redis | grep 'ended within a transaction.*its last 30 of'
}

# --- Redis that fails over, by the file behind the first ---

# A shop that had one Redis: its data is there when the others have copied it.
comes_up_with_replicas() {
  local before
  before=$(customers)
  compose down >/dev/null 2>&1
  compose_files+=(--file "$(dirname "$compose_file")/failover.yaml")
  comes_up && wait_until 60 are_healthy redis-2 redis-3 sentinel-1 sentinel-2 sentinel-3 && [ "$(customers)" = "$before" ]
}

creates_a_customer() { compose run --rm client --timeout 5 customer create --name Ada --email "$1@example.com" --quiet; }

goes_on_without_the_killed_master() {
  docker kill "$(compose ps --quiet redis)" >/dev/null
  wait_until 60 creates_a_customer survivor
}

killed_master_comes_back() { comes_up && are_healthy redis && [[ $(customers) == *survivor@example.com* ]]; }

# The commands of the operators' guide, with the images that are there: this engine has no network to build with.
documented_commands_work() {
  local commands
  commands=$("$ORDERSHOP_SOURCE/tests/lib/documented_commands.py" print containers "$ORDERSHOP_SOURCE/docs/operating.md")
  commands=${commands//docker compose -f deploy\/docker\/compose.yaml/compose}
  (cd "$ORDERSHOP_SOURCE" && set -x && eval "${commands//compose up --build --wait/comes_up}")
}

leaves_nothing_behind() {
  local left
  compose down --volumes >/dev/null 2>&1
  left=$(docker ps --all --quiet && docker volume ls --quiet && docker network ls --quiet --filter type=custom)
  echo "left: $left"
  [ -z "$left" ]
}

containers_prepare_build
say "making the base image"
containers_make_base || fail "the base image can't be made; see above"
say "base image: $SECONDS s"
containers_start_engine || fail "no Docker engine can run here; see above"
for target in "${targets[@]}"; do
  expect "the image $target is built" builds "$target"
  # nothing of what follows would tell anything
  [ "$shop_failed" -eq 0 ] || shop_done
  files_of "$target" || true
  expect "the image $target has at most $megabytes_most MB" is_small "$target"
  expect "no program of the image $target lends rights" lends_no_rights "$target"
  expect "the image $target holds nothing but what it runs" holds_nothing_else "$target"
  expect "the image $target has its license" has_its_license "$target"
  expect "the image $target tells what it is, and runs as nobody" is_labelled "$target"
done
docker images --format '{{.Repository}} {{.Size}}' | grep '^ordershop' | sort
say "images: $SECONDS s"
for service in "${shop_shipped[@]}" gateway; do
  expect "the image $service says its version" says_its_version "$service"
done
expect "any user id does, with nothing writable but volumes" runs_as_any_user
expect "the health check says when Redis is away" says_when_redis_is_away
docker rm --force --volumes any-mail any-redis >/dev/null

expect "compose runs images of the tree's version" has_the_version_of_the_tree
expect "one command brings up the shop, healthy" comes_up
say "up: $SECONDS s"
expect "the demo is played from the client image" plays_the_demo
expect "the machine reaches the services" is_reached_from_the_machine
expect "only the services are published, on loopback" publishes_on_loopback_only
expect "a service can't read another one's password" keeps_passwords_apart
expect "people look into Redis, but don't write" lets_people_look_but_not_write
expect "data outlives containers" keeps_the_data
expect "what a power cut left half-written is mended before Redis starts" mends_a_torn_log
expect "the documented commands do what they say" documented_commands_work
expect "and the shop comes up again" comes_up
expect "with the file for it, Redis gets replicas and sentinels" comes_up_with_replicas
expect "the shop goes on without a master that is killed" goes_on_without_the_killed_master
expect "which comes back as a replica" killed_master_comes_back
for service in "${shop_shipped[@]}" gateway redis; do
  expect "$service ends in time with status 0" ends_with_status_0 "$service"
done
expect "nothing is left behind" leaves_nothing_behind
shop_done
