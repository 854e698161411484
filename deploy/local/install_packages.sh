#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Installs Debian packages, as root, for packages.sh: install_packages.sh PACKAGE... (`PACKAGE?`: if Debian has it)
#
# No service of the distribution is started, nor enabled if it is us who brought it: a redis-server of the system would
# take port 6379 and memory that nobody asked for. One such run at a time; others that use apt are waited for.

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

policy=/usr/sbin/policy-rc.d
log=$(mktemp)
made_policy=no
cleanup() {
  rm -f "$log"
  [ $made_policy = no ] || rm -f "$policy"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

exec 9>/run/lock/ordershop-packages
flock 9

apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 "$@" 9>&- </dev/null
}

has_lists() {
  [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -print -quit 2>/dev/null)" ]
}

# A mirror that does not answer is no matter as long as the installation works.
update_lists() {
  apt update >"$log" 2>&1 || cat "$log" >&2
}

choose() {
  packages=()
  local package
  for package in "$@"; do
    case $package in
    *\?) [[ $(apt-cache policy "${package%\?}") != *'Candidate: '[!\(]* ]] || packages+=("${package%\?}") ;;
    *) packages+=("$package") ;;
    esac
  done
}

install() {
  choose "$@"
  apt install -y --no-install-recommends "${packages[@]}" >"$log" 2>&1
}

# This is how Debian lets one say that services are not to be started by an installation.
if [ ! -e "$policy" ]; then
  made_policy=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
# Programs that Debian starts at boot, of what may be installed here.
absent=()
for package in redis-server prometheus; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || absent+=("$package")
done

has_lists || update_lists
# Old lists name versions that the mirror no longer has.
if ! install "$@"; then
  update_lists
  if ! install "$@"; then
    tail -n 30 "$log" >&2
    echo "install_packages.sh: apt-get could not install these packages." >&2
    exit 1
  fi
fi

for package in "${absent[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || continue
  update-rc.d "$package" disable >/dev/null 2>&1 || true
  ! command -v systemctl >/dev/null || systemctl disable "$package.service" >/dev/null 2>&1 || true
done
