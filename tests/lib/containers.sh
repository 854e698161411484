# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Real container tools for tests, without a registry and without touching the machine: sourced by the suites that need
# them. buildah builds; a Docker engine of the test's own runs, in network, mount and process namespaces of its own, so
# that its bridges, rules and containers are nobody else's and end with it.
#
# Needs root, and buildah, debootstrap, docker.io and docker-compose (container_packages in deploy/local/packages.sh).

containers_folder=$(mktemp -d)
containers_pid=

# Prints why containers can't be built and run here; fails where they can.
containers_obstacle() {
  local tool
  [ "$(id -u)" -eq 0 ] || { echo "not applicable: containers are built and run as root here" && return; }
  for tool in buildah debootstrap dockerd docker-compose nsenter; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: install buildah, debootstrap, docker.io, docker-compose" && return; }
  done
  [ -n "$(machine_sources)" ] || { echo "not applicable: no package sources of Debian 12 here" && return; }
  return 1
}

# --- Building ---

# The machine's sources of Debian 12's packages: address, release, component.
machine_sources() {
  # shellcheck disable=SC2016 # apt-get fills these in
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' 'Origin: Debian' |
    sort -u | awk '$2 ~ /^bookworm/'
}

# A storage of the test's own, and limits that the machine allows.
containers_prepare_build() {
  local hard
  hard=$(ulimit -Hn)
  [ "$hard" != unlimited ] || hard=65536
  mkdir -p "$containers_folder"/apt/{sources,lists,cache}
  cat >"$containers_folder/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$containers_folder/storage"
runroot = "$containers_folder/storage-run"
[storage.options.overlay]
skip_mount_home = "true"
END
  printf '[containers]\ndefault_ulimits = ["nofile=%s:%s"]\n[engine]\nevents_logger = "file"\n' "$hard" "$hard" \
    >"$containers_folder/containers.conf"
  export CONTAINERS_STORAGE_CONF=$containers_folder/storage.conf CONTAINERS_CONF=$containers_folder/containers.conf
  machine_sources | awk '{ parts[$1 " " $2] = parts[$1 " " $2] " " $3 }
    END { for (p in parts) print "deb [check-valid-until=no check-date=no] " p parts[p] }' \
    >"$containers_folder/apt/sources/machine.list"
}

# debian:12-slim of Debian's packages, as small as the published one; its package sources are given to builds only. An
# archive of it is kept in the user's cache folder for a week.
containers_make_base() {
  local archive=${XDG_CACHE_HOME:-$HOME/.cache}/ordershop-tools/debian-12-slim.tar
  if [ -z "$(find "$archive" -mtime -7 2>/dev/null)" ]; then
    mkdir -p "$(dirname "$archive")"
    containers_bootstrap "$archive" || return 1
  fi
  buildah pull -q "docker-archive:$archive" >/dev/null
}

containers_bootstrap() { # containers_bootstrap ARCHIVE
  local root=$containers_folder/base uri container
  uri=$(machine_sources | awk '$2 == "bookworm" && $3 == "main" && !uri { uri = $1 } END { print uri }')
  debootstrap --variant=minbase bookworm "$root" "$uri" >"$containers_folder/debootstrap.log" 2>&1 || {
    tail -n 20 "$containers_folder/debootstrap.log" >&2
    return 1
  }
  rm -rf "$root"/etc/{apt/sources.list,hostname,resolv.conf} "$root"/var/{lib/apt/lists,cache/apt,log/apt}/* \
    "$root"/var/log/*.log "$root"/usr/share/{doc,info,man,locale,lintian,groff}/*
  printf 'path-exclude /usr/share/%s/*\n' doc info man locale >"$root/etc/dpkg/dpkg.cfg.d/slim"
  container=$(buildah from scratch)
  buildah copy -q "$container" "$root" / >/dev/null
  buildah config --cmd bash --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  # by way of an archive, so that it gets the full name that FROM debian:12-slim stands for
  buildah commit -q --rm "$container" "docker-archive:$1.$$:debian:12-slim" >/dev/null && mv "$1.$$" "$1"
  rm -rf "$root"
}

# containers_build TARGET TAG ARGUMENT...: the tree's Dockerfile as it is. Isolation chroot and the machine's network: a
# container of its own would need more rights than there are. Package lists and downloads stay outside the image.
containers_build() {
  local target=$1 tag=$2
  shift 2
  buildah build --isolation chroot --network host --layers --pull-never \
    --volume "$containers_folder/apt/sources:/etc/apt/sources.list.d:ro" \
    --volume "$containers_folder/apt/lists:/var/lib/apt/lists" \
    --volume "$containers_folder/apt/cache:/var/cache/apt" \
    --file "$ORDERSHOP_SOURCE/deploy/docker/Dockerfile" --target "$target" --tag "$tag" "$@" "$ORDERSHOP_SOURCE"
}

# --- Running ---

# Starts the engine; from here on docker and docker-compose talk to it. What it mounts is its own, and ends with it.
# Its sockets lie in its own /run: their paths have to be short.
containers_start_engine() {
  local socket=$containers_folder/docker.sock
  mkdir -p "$containers_folder/engine"
  # shellcheck disable=SC2016 # for the shell inside
  unshare --net --mount --pid --fork --kill-child=KILL --mount-proc bash -euc '
    ip link set lo up
    mount -t tmpfs tmpfs /run
    mkdir /run/lock
    exec dockerd --data-root "$1/data" --exec-root /run/docker --pidfile "$1/pid" --host "unix://$2" \
      --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$3"' \
    bash "$containers_folder/engine" "$socket" "$(containers_cgroup)" >"$containers_folder/dockerd.log" 2>&1 </dev/null &
  containers_pid=$!
  export DOCKER_HOST=unix://$socket
  wait_until 60 docker version >/dev/null 2>&1 || {
    tail -n 5 "$containers_folder/dockerd.log" >&2
    return 1
  }
}

containers_cgroup() { echo "ordershop-test-$$"; }

# containers_on_host COMMAND...: where the engine publishes ports
containers_on_host() {
  nsenter --net="/proc/$(pgrep -P "$containers_pid")/ns/net" -- "$@"
}

# Ends the engine with all that it runs: the first process of a process namespace takes the others with it.
containers_end() {
  local folder
  if [ -n "$containers_pid" ]; then
    kill -KILL "$containers_pid" 2>/dev/null || true
    wait "$containers_pid" 2>/dev/null || true
    for folder in /sys/fs/cgroup/*/"$(containers_cgroup)" /sys/fs/cgroup/"$(containers_cgroup)"; do
      [ ! -d "$folder" ] || find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
  fi
  [ ! -d "$containers_folder/storage" ] || buildah rmi --all --force >/dev/null 2>&1 || true
  rm -rf "$containers_folder"
}
