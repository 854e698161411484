#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Makes gen/ out of proto/ and of the well-known protos that the runtime needs:
#   <path>.pb-c.h, <path>.pb-c.c   messages, enums and services in C, by protoc-c
#   descriptor_set.pb              a FileDescriptorSet of all that is served, with comments except Google's, by protoc
#   runtime_descriptor_set.pb      the same of what the runtime adds to every service
#   VERSION                        the versions of both
#
#   generate.sh            rewrites gen/
#   generate.sh FOLDER     writes the same into FOLDER, which is made if need be (a test compares it with gen/)
#   generate.sh --version  prints what VERSION would say
#
# Debian 12 has packages of all that it needs; Debian 13 has none of grpc-proto, and builds from the gen/ in the repository.
# Exit status: 0; 69 something that it needs is not installed (it says what, and the Debian package); 2 misuse; 1 any other
# fault.

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

gen=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
own=$(dirname "$gen")/proto
out=${1:-$gen}
case $out in
--version) ;;
-h | --help)
  sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
  exit 0
  ;;
-*)
  echo "generate.sh: unknown argument '$out'; see generate.sh --help" >&2
  exit 2
  ;;
esac

print_versions() {
  protoc-c --version | sed -n 1p # not head: it would leave protoc-c with a broken pipe
  protoc --version
}
if [ "$out" = --version ]; then
  print_versions
  exit
fi

well_known=/usr/include
googleapis=/usr/share/gocode/src/github.com/gogo/googleapis
grpc=/usr/share/grpc-proto

missing=()
need() { # need FILE_OR_COMMAND DEBIAN_PACKAGE
  [ -e "$1" ] || command -v "$1" >/dev/null || missing+=("$1 (Debian package $2)")
}
need protoc protobuf-compiler
need protoc-c protobuf-c-compiler
need "$well_known/google/protobuf/descriptor.proto" libprotobuf-dev
need "$googleapis/google/api/annotations.proto" golang-github-gogo-googleapis-dev
need "$googleapis/google/rpc/error_details.proto" golang-github-gogo-googleapis-dev
need "$grpc/grpc/reflection/v1/reflection.proto" grpc-proto
if [ ${#missing[@]} -gt 0 ]; then
  printf 'generate.sh: missing: %s\n' "${missing[@]}" >&2
  exit 69
fi

mapfile -t services < <(cd -- "$own" && find ordershop -name '*.proto' ! -path ordershop/v1/status.proto ! -path ordershop/v1/dead_letter.proto ! -path ordershop/v1/log.proto ! -path ordershop/v1/view.proto | LC_ALL=C sort)
runtime=( # served by every service, also by one outside this tree
  ordershop/v1/{status,dead_letter,log,view}.proto
  google/rpc/{status,error_details}.proto # what errors carry: reflection lets clients decode it
  grpc/health/v1/health.proto
  grpc/reflection/{v1,v1alpha}/reflection.proto
)
exported=(opentelemetry/proto/collector/trace/v1/trace_service.proto) # what the runtime sends to others
served=("${services[@]}" "${runtime[@]}")
imported=(
  google/protobuf/{any,descriptor,duration,empty,field_mask,timestamp}.proto
  google/api/{http,annotations}.proto # the methods' resources, for HTTP
)
paths=(-Iproto "-I$grpc" "-I$googleapis" "-I$well_known")
mkdir -p -- "$out"
out=$(cd -- "$out" && pwd -P)

# Made aside and moved at the end: a proto with a mistake leaves gen/ as it was. Both compilers take a colon in a folder's
# name for the end of it, so they are given names without folders.
aside=$(mktemp -d)
trap 'rm -rf "$aside"' EXIT
cd -- "$aside"
ln -s "$own" proto
mkdir made
protoc-c "${paths[@]}" --c_out=made "${served[@]}" "${exported[@]}" "${imported[@]}"
# describe FILE PROTO...: Google's protos are well known, so their comments, which every service would carry along, are left
# out. Sets that follow each other are one set.
describe() {
  local googles own
  mapfile -t googles < <(printf '%s\n' "${@:2}" | grep '^google/')
  mapfile -t own < <(printf '%s\n' "${@:2}" | grep -v '^google/')
  protoc "${paths[@]}" --include_imports --descriptor_set_out=googles.pb "${googles[@]}"
  protoc "${paths[@]}" --include_source_info --descriptor_set_out=own.pb "${own[@]}"
  cat googles.pb own.pb >"made/$1"
  protoc --descriptor_set_in="made/$1" --descriptor_set_out=/dev/null "${@:2}" # fails if an import is not in the set
}
describe descriptor_set.pb "${imported[@]}" "${served[@]}"
describe runtime_descriptor_set.pb google/protobuf/{any,duration,timestamp}.proto "${runtime[@]}"
print_versions >made/VERSION

for made in made/*; do
  rm -rf "${out:?}/$(basename "$made")"
  mv "$made" "$out/"
done
