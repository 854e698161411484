#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The version of OrderShop is in one place, project() in CMakeLists.txt; programs, packages, pkg-config files and manual
# pages take it from there. Two files cannot, since compose and kustomize read them as they are: this script writes them.
#
#   set_version.sh            gives them the version of CMakeLists.txt
#   set_version.sh 1.2.3      gives CMakeLists.txt that version first
#   set_version.sh --check    changes nothing; says which file has another version
#
# Exit status: 0; 1 a file has another version, or none; 2 misuse.

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

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

# File and expression: all that stands on the line before the version.
readonly copies=(
  'deploy/docker/.env' 'ORDERSHOP_VERSION='
  'deploy/kubernetes/components/release/kustomization.yaml' ' *app\.kubernetes\.io/version: '
)
readonly number='[0-9]+\.[0-9]+\.[0-9]+'

# version_in FILE BEFORE
version_in() { sed -nE "s,^$2($number).*,\\1,p" "$1"; }

# write_version FILE BEFORE
write_version() { sed -i -E "s,^($2)$number,\\1$version," "$1"; }

check=no
case ${1:-} in
-h | --help)
  sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
  exit 0
  ;;
--check) check=yes ;;
'') ;;
*)
  if ! [[ $1 =~ ^$number$ ]]; then
    echo "set_version.sh: '$1' is no version such as 1.2.3; see set_version.sh --help" >&2
    exit 2
  fi
  version=$1
  write_version CMakeLists.txt 'project\(ordershop VERSION '
  ;;
esac

version=$(version_in CMakeLists.txt 'project\(ordershop VERSION ')
status=0
for ((i = 0; i < ${#copies[@]}; i += 2)); do
  [ $check = yes ] || write_version "${copies[i]}" "${copies[i + 1]}"
  found=$(version_in "${copies[i]}" "${copies[i + 1]}")
  if [ -z "$version" ] || [ "$found" != "$version" ]; then
    echo "set_version.sh: ${copies[i]} has version '$found', CMakeLists.txt '$version'" >&2
    status=1
  fi
done
exit $status
