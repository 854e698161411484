#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Builds the Debian packages ordershop-services, ordershop-client and libordershop-dev, for the Debian that this runs on.
#
#   build.sh [FOLDER]     makes FOLDER/*.deb (default build-packages in the tree), with the build in FOLDER/build
#
# Needs the packages that building needs (deploy/local/packages.sh), and dpkg-dev and file. Exit status: 0; 1 not built;
# 2 misuse.

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

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)

case ${1:-} in
-h | --help)
  sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
  exit 0
  ;;
-*)
  echo "build.sh: unknown argument '$1'; see build.sh --help" >&2
  exit 2
  ;;
esac
folder=${1:-$root/build-packages}

for tool in cmake ninja cpack dpkg-buildflags dpkg-shlibdeps file; do
  if ! command -v $tool >/dev/null; then
    echo "build.sh: there is no command $tool; as root: apt-get install cmake ninja-build dpkg-dev file" >&2
    exit 1
  fi
done

# As Debian builds packages: with its flags, and no names of folders of this machine inside.
mkdir -p "$folder/build"
folder=$(cd -- "$folder" && pwd -P)
cd "$root"
export DEB_BUILD_MAINT_OPTIONS=hardening=+all
cmake -S "$root" -B "$folder/build" -G Ninja -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_BUILD_TYPE=None \
  -DCMAKE_C_FLAGS="$(dpkg-buildflags --get CFLAGS) $(dpkg-buildflags --get CPPFLAGS)" \
  -DCMAKE_EXE_LINKER_FLAGS="$(dpkg-buildflags --get LDFLAGS)"
cmake --build "$folder/build"
rm -f "$folder"/*.deb
cd "$folder"
cpack --config build/CPackConfig.cmake -B "$folder"
rm -rf "$folder/_CPack_Packages"
ls -l "$folder"/*.deb
