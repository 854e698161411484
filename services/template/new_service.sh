#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Makes the skeleton of a service: contract, service with an entity, a handler of its events and a view, and a test on a
# real Redis. docs/own_service.md goes on from there.
#
#   new_service.sh NAME [--port PORT]                   in the source tree that this lies in, which knows it then
#   ordershop-new-service NAME [--port PORT] [--folder FOLDER] [--brand BRAND]
#                                                       in a folder of its own, on the installed library
#
#   NAME      small letters and digits: of the service and of its entity
#   PORT      default of its setting LISTEN (the first free one above 50057)
#   FOLDER    is made (NAME); in the source tree, too, --folder makes a service outside of it
#   BRAND     small letters and digits: the product that it belongs to, with names of its own for variables, errors,
#             metadata and the log's clock (those of the shop, which it belongs to then)
#
# `ordershop new service` is the same.
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

program=$(basename -- "$0")
fail() {
  printf '%s: %s\n' "$program" "$*" >&2
  exit 1
}
misuse() {
  printf '%s: %s; see %s --help\n' "$program" "$*" "$program" >&2
  exit 2
}

# The templates lie beside this in the source tree, and in share/ordershop where this is installed.
here=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
if [ -e "$here/service.proto.in" ]; then
  templates=$here tree=$(cd -- "$here/../.." && pwd -P)
  # shellcheck source-path=SCRIPTDIR source=../../deploy/services.sh
  . "$tree/deploy/services.sh"
else
  templates=$here/../share/ordershop/template tree=''
  [ -e "$templates/service.proto.in" ] || fail "the templates are not in $templates: the installation isn't whole"
  # shellcheck disable=SC1091 # the same file
  . "$here/../share/ordershop/services.sh"
fi

# --- What was asked for ---

name='' port='' folder='' brand=''
while [ $# -gt 0 ]; do
  case $1 in
  -h | --help)
    sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
    exit 0
    ;;
  --port | --folder | --brand)
    [ -n "${2:-}" ] || misuse "$1 needs a value"
    printf -v "${1#--}" %s "$2"
    shift
    ;;
  -*) misuse "unknown option '$1'" ;;
  *)
    [ -z "$name" ] || misuse "one service at a time, not also '$1'"
    name=$1
    ;;
  esac
  shift
done
[ -n "$name" ] || misuse "what is the service called?"
if [ -z "$tree" ]; then folder=${folder:-$name}; fi
[ -z "$brand" ] || [ -n "$folder" ] || misuse "--brand goes with --folder: the services of this tree are the shop's"

# Words of C, and what the skeleton itself calls something.
readonly taken=" auto break case char const continue default do double else enum extern float for goto if inline int long \
register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while main argc argv \
arena before call channel check context count counts create entity event fail field get input message methods options path \
reply request resource service services status subscription subscriptions title template violations view work "
[[ $taken != *" $name "* ]] || fail "'$name' means something else in C, or in the skeleton: choose another name"

# The first port that the list does not have.
free_port() {
  local port=50059
  while grep -qx "$port" <(service_rows | cut -d ' ' -f 2); do port=$((port + 1)); done
  printf '%s' "$port"
}

scratch=$(mktemp -d)
made=()
undo() {
  local status=$? file
  if [ $status -ne 0 ]; then
    for file in "${made[@]}"; do rm -rf "$file"; done
    [ ! -e "$scratch/services.txt.before" ] || cat "$scratch/services.txt.before" >"$services_list"
  fi
  rm -rf "$scratch"
}
trap undo EXIT

# --- Names: the list of services says whether they may be ---

! service_names | grep -x -- "$name" >/dev/null || fail "the shop has a service $name already"
port=${port:-$(free_port)}
printf '%-11s %-6s %-12s %-33s %-27s %s\n' "$name" "$port" "$name" "$name" - "keeps $name entities" >"$scratch/row"
cat "$services_list" "$scratch/row" >"$scratch/services.txt"
lists=("$scratch/services.txt")
if [ -n "$folder" ]; then lists=("$services_list" "$scratch/row"); fi
service_rows "${lists[@]}" >/dev/null 2>"$scratch/why" ||
  fail "$(sed -n '1 s/.*line [0-9]*: //p' "$scratch/why")"

# A brand's name begins names of programs, variables and keys in Redis.
if [ -n "$brand" ]; then
  [[ $brand =~ ^[a-z][a-z0-9]{0,31}$ ]] || fail "\"$brand\" is no name of a brand: small letters and digits, a letter first, 32 at most"
  [ "$brand" != ordershop ] || fail "ordershop is the shop's brand, which a service has without --brand"
  [ "$brand" != "$name" ] || fail "the clock of the brand $brand, ${brand}_clock, would be among the keys of the service of that name"
fi

# "note" is Note, NOTE, notes and Notes; "category" is categories.
case $name in
*[aeiou]y) plural=${name}s ;;
*y) plural=${name%y}ies ;;
*s | *x | *z | *ch | *sh) plural=${name}es ;;
*) plural=${name}s ;;
esac
if [ -n "$folder" ]; then
  package=$name.v1 proto=$name/v1 type=${name}__v1 Type=${name^}__V1
  license=/SPDX-License-Identifier/d # its author says under which one it is
  product=${brand:-ordershop} brand_object=${brand:-shop}_brand
  shop_header="#include \"$brand_object.h\"\n"
  port_text=$port descriptor_set=${product}_${name}_descriptor_set
  declarations="\nextern const unsigned char ${descriptor_set}[]; /* of CMakeLists.txt's ordershop_generate */\nextern const size_t ${descriptor_set}_size;\n"
else
  product=ordershop brand_object=shop_brand
  package=ordershop.v1 proto=ordershop/v1 type=ordershop__v1 Type=Ordershop__V1
  port_text=SHOP_PORT_${name^^} descriptor_set=ordershop_descriptor_set
  declarations='' license='' shop_header='#include "shop.h"\n'
fi

# Where an include stands depends on the names, too: sorts those of each block.
sort_includes() {
  awk '
    /^#include/ {
      for (i = count++; i > 0 && includes[i - 1] > $0; i--) includes[i] = includes[i - 1]
      includes[i] = $0
      next
    }
    {
      for (i = 0; i < count; i++) print includes[i]
      count = 0
      print
    }'
}

fill() { # fill TEMPLATE FILE
  mkdir -p "$(dirname "$2")"
  sed -e "s/@name@/$name/g; s/@Name@/${name^}/g; s/@NAME@/${name^^}/g; s/@plural@/$plural/g; s/@Plural@/${plural^}/g" \
    -e "s/@package@/$package/g; s|@folder@|$proto|g; s/@type@/$type/g; s/@Type@/$Type/g; s/@TYPE@/${type^^}/g" \
    -e "s/@port@/$port_text/g; s/@shop_header@/$shop_header/" -e "s|@descriptor_set_declarations@|$declarations|; s/@descriptor_set@/$descriptor_set/g" \
    -e "s/@product@/$product/g; s/@PRODUCT@/${product^^}/g; s/@brand_object@/$brand_object/g" \
    -e "$license" "$templates/$1" | sort_includes >"$2"
  case $2 in
  *.sh) chmod +x "$2" ;;
  # where lines break depends on the length of the name
  *.c | *.h) if [ -n "$tree" ] && command -v clang-format >/dev/null; then clang-format --style="file:$tree/.clang-format" -i "$2"; fi ;;
  esac
}

fill_service() { # fill_service FOLDER
  local part
  for part in service.c client.c; do fill "$part.in" "$1/${name}_$part"; done
}

# --- In a folder of its own ---

if [ -n "$folder" ]; then
  [ ! -e "$folder" ] || fail "$folder is there already: nothing is overwritten"
  [ -d "$(dirname -- "$folder")" ] || fail "there is no folder $(dirname -- "$folder")"
  fill_service "$scratch/new"
  fill service.proto.in "$scratch/new/proto/$proto/$name.proto"
  fill outside/CMakeLists.txt.in "$scratch/new/CMakeLists.txt"
  fill outside/test.sh.in "$scratch/new/${name}_test.sh"
  [ -z "$brand" ] || fill outside/brand.h.in "$scratch/new/$brand_object.h"
  chmod 755 "$scratch/new"
  # in one step: the draft lies beside the folder
  made+=("$folder.making.$$")
  cp -r "$scratch/new" "$folder.making.$$" 2>/dev/null || fail "can't write to $(dirname -- "$folder")"
  mv -nT "$folder.making.$$" "$folder"
  [ ! -e "$folder.making.$$" ] || fail "$folder has come to be meanwhile: nothing is overwritten"
  cat <<END
The folder $folder has the service $name now. Build and test it:

  cmake -S $folder -B $folder/build -G Ninja && cmake --build $folder/build && ctest --test-dir $folder/build
END
  exit 0
fi

# --- In the source tree ---

cd "$tree"
targets=("services/$name" "proto/ordershop/v1/$name.proto" "tests/acceptance/$name.sh")
for target in "${targets[@]}"; do
  [ ! -e "$target" ] || fail "$target is there already: nothing is overwritten"
done
for target in services proto/ordershop/v1 tests/acceptance deploy/services.txt gen/descriptor_set.pb; do
  [ -w "$target" ] || fail "can't write to $tree/$target"
done
fill_service "$scratch/services"
fill tree/CMakeLists.txt.in "$scratch/services/CMakeLists.txt"
fill service.proto.in "$scratch/service.proto"
fill tree/test.sh.in "$scratch/test.sh"
chmod 755 "$scratch/services"
made=("${targets[@]}" "gen/ordershop/v1/$name.pb-c.c" "gen/ordershop/v1/$name.pb-c.h")
cp "$services_list" "$scratch/services.txt.before"
cp -r "$scratch/services" "services/$name"
cp "$scratch/service.proto" "proto/ordershop/v1/$name.proto"
cp "$scratch/test.sh" "tests/acceptance/$name.sh"
cat "$scratch/services.txt" >"$services_list"
status=0
gen/generate.sh >"$scratch/generate" 2>&1 || status=$?
case $status in
0) ;;
69) cat "$scratch/generate" ;; # what is missing; the C comes when it is there
*) fail "its contract doesn't fit the others: $(grep -v Writing "$scratch/generate" | head -n 1)" ;;
esac
cat <<END
The tree has a service $name now: services/$name, proto/ordershop/v1/$name.proto, tests/acceptance/$name.sh, and a row in
deploy/services.txt. Build and test it$([ $status -eq 0 ] || echo ', after gen/generate.sh'):

  tests/run.sh --only acceptance/$name
END
