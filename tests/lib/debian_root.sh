# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Bare Debians of tests: a folder with a minimal Debian in it, made of the package sources of this machine, and commands
# in it. Sourced; as root.

debian_sources=/etc/apt/sources.list.d/debian.sources

# The release of this machine: bookworm, trixie
debian_release() {
  # shellcheck source=/dev/null
  (. /etc/os-release && echo "$VERSION_CODENAME")
}

# Prints why there can be no such folder here; fails where there can.
debian_root_obstacle() {
  local tool
  [ "$(id -u)" = 0 ] || { echo "a bare Debian is made by root" && return; }
  for tool in debootstrap unshare; do
    command -v $tool >/dev/null || { echo "there is no $tool here" && return; }
  done
  [ -f $debian_sources ] || { echo "there is no $debian_sources to take packages from" && return; }
  return 1
}

# debian_root_make ROOT RELEASE PACKAGE...: a minimal Debian of that release, with these packages
debian_root_make() {
  local root=$1 release=$2 mirror packages
  shift 2
  mirror=$(awk '/^URIs:/ { print $2; exit }' $debian_sources)
  packages=$(IFS=, && echo "ca-certificates,$*")
  debootstrap --variant=minbase --include="$packages" "$release" "$root" "$mirror" || return 1
  rm -f "$root/etc/apt/sources.list"
  sed "s/\b$(debian_release)\b/$release/g" $debian_sources >"$root$debian_sources"
  cp -r /etc/apt/auth.conf.d/. "$root/etc/apt/auth.conf.d/" 2>/dev/null || true
  cp /etc/apt/apt.conf.d/99* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
}

# Prints `-u NAME` for each variable but those that say how the network is reached: the others name folders and tools
# that are not there.
variables_of_this_machine() {
  local name
  for name in $(compgen -e); do
    case $name in
    *_proxy | *_PROXY | GO* | PIP_* | SSL_*) ;;
    *) echo "-u $name" ;;
    esac
  done
}

# debian_root_run ROOT COMMANDS: runs them there by bash -eu, in /root, with this machine's network. All that they leave
# running ends with them.
debian_root_run() {
  local others
  mapfile -t others < <(variables_of_this_machine | tr ' ' '\n')
  env "${others[@]}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    unshare --mount --pid --fork --kill-child --root="$1" --wd=/root -- /bin/bash -euc "
    mount -t proc proc /proc
    mkdir -p /dev/pts /dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666,gid=5,mode=620 devpts /dev/pts
    ln -sf pts/ptmx /dev/ptmx
    mount -t tmpfs tmpfs /dev/shm
    export HOME=/root DEBIAN_FRONTEND=noninteractive
    $2"
}
