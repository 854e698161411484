#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Builds the shop as distributions and their users do, with their compilers, generators, build types and flags. Of each
# build it expects that no line warns, that the unit tests pass, and that a service starts, serves and stops.
#
#   builds.sh [--short] [--compilers "COMPILER..."] [PATTERN]
#
#   --short      three of the builds, for .ci/run: what differs most, and of the unit tests those that flags can break
#   --compilers  each build with each of these, e.g. "gcc-14 clang-19"; otherwise with gcc and clang
#   PATTERN      only builds whose name contains the shell pattern
#
# Needs what tests/run.sh needs, and the compilers. The last line is `N passed, N failed`. Exit status: 0 nothing failed;
# 1; 2 misuse.

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

ORDERSHOP_SOURCE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
export ORDERSHOP_SOURCE

misuse() {
  echo "builds.sh: $*; see builds.sh --help" >&2
  exit 2
}

short=no compilers='gcc clang' only=''
while [ $# -gt 0 ]; do
  case $1 in
  --short) short=yes ;;
  --compilers)
    [ -n "${2:-}" ] || misuse "--compilers needs names"
    compilers=$2
    shift
    ;;
  -h | --help)
    sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
    exit 0
    ;;
  -*) misuse "unknown argument '$1'" ;;
  *) only=$1 ;;
  esac
  shift
done
for compiler in $compilers; do
  command -v "$compiler" >/dev/null || misuse "there is no compiler $compiler"
done

# shellcheck source=lib/shop.sh
. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"
build=$shop_folder/build
export ORDERSHOP_BIN=$build/bin

# --- One build ---

# What depends on the compiler and its flags before all else: stacks of coroutines, signals, arithmetic of chars and
# time, alignment of messages, arguments without types.
readonly flag_dependent='arena|config|coroutine|crash|json_read|json_write|log|loop|message|redis_arguments|status|timers'

unit_tests() {
  local tests
  tests=$(ctest --test-dir "$build" -N | sed -n 's,^ *Test *#[0-9]*: unit/,,p')
  [ "$short" = no ] || tests=$(grep -xE "($flag_dependent)_test" <<<"$tests")
  echo "$tests"
}

targets() {
  printf 'ordershop-%s\n' "${shop_services[@]}"
  echo ordershop
  unit_tests
}

builds_without_a_warning() { # COMPILER GENERATOR BUILD-TYPE [OPTION...]
  local compiler=$1 generator=$2 type=$3 made
  shift 3
  rm -rf "$build"
  CC=$compiler cmake -S "$ORDERSHOP_SOURCE" -B "$build" -G "$generator" -DCMAKE_BUILD_TYPE="$type" -DORDERSHOP_TESTS=ON \
    -Werror=dev "$@" || return 1
  mapfile -t made < <(targets)
  cmake --build "$build" --parallel "$(nproc)" --target "${made[@]}" 2>&1 | tee "$shop_folder/build.log" || return 1
  ! grep -A 20 'warning:' "$shop_folder/build.log"
}

unit_tests_pass() {
  local program failed=0
  mkdir -p "$shop_folder/tmp"
  for program in $(unit_tests); do
    TMPDIR=$shop_folder/tmp timeout 300 "$build/tests/unit/$program" >"$shop_folder/unit" 2>&1 || {
      cat "$shop_folder/unit"
      failed=1
    }
  done
  [ "$failed" -eq 0 ]
}

a_service_serves() {
  shop_start customer
  shop_stop
}

# try COMPILER NAME GENERATOR BUILD-TYPE [OPTION...]: CFLAGS and LDFLAGS are its environment's
try() {
  local title="$2 ($1)" compiler=$1
  shift 2
  # shellcheck disable=SC2053 # a pattern
  [[ $title == *$only* ]] || return 0
  export CFLAGS=${CFLAGS:-} LDFLAGS=${LDFLAGS:-}
  expect "$title: builds without a warning" builds_without_a_warning "$compiler" "$@"
  [ -x "$ORDERSHOP_BIN/ordershop" ] || return 0
  expect "$title: the unit tests pass" unit_tests_pass
  expect "$title: a service starts, serves and stops" a_service_serves
}

# --- Flags of distributions ---

readonly fedora_cflags="-O2 -flto=auto -ffat-lto-objects -fexceptions -g -grecord-gcc-switches -pipe -Wall \
-Werror=format-security -Wp,-U_FORTIFY_SOURCE,-D_FORTIFY_SOURCE=3 -Wp,-D_GLIBCXX_ASSERTIONS -fstack-protector-strong \
-m64 -march=x86-64 -mtune=generic -fasynchronous-unwind-tables -fstack-clash-protection -fcf-protection \
-fno-omit-frame-pointer -mno-omit-leaf-frame-pointer"
readonly fedora_ldflags="-Wl,-z,relro -Wl,--as-needed -Wl,-z,now -Wl,--build-id=sha1"
# What clang takes of it, as Fedora hands it to clang.
readonly fedora_clang_cflags="-O2 -flto=thin -fexceptions -g -grecord-command-line -pipe -Wall -Werror=format-security \
-Wp,-U_FORTIFY_SOURCE,-D_FORTIFY_SOURCE=3 -Wp,-D_GLIBCXX_ASSERTIONS -fstack-protector-strong -m64 -march=x86-64 \
-mtune=generic -fasynchronous-unwind-tables -fstack-clash-protection -fcf-protection -fno-omit-frame-pointer \
-mno-omit-leaf-frame-pointer"
readonly arch_cflags="-march=x86-64 -mtune=generic -O2 -pipe -fno-plt -fexceptions -Wp,-D_FORTIFY_SOURCE=3 -Wformat \
-Werror=format-security -fstack-clash-protection -fcf-protection -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer"
readonly arch_ldflags="-Wl,-O1 -Wl,--sort-common -Wl,--as-needed -Wl,-z,relro -Wl,-z,now"
readonly suse_cflags="-O2 -Wall -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -funwind-tables \
-fasynchronous-unwind-tables -fstack-clash-protection -Werror=return-type -g -DNDEBUG"
readonly suse_ldflags="-Wl,--as-needed -Wl,--no-undefined -Wl,-z,now"

debian_flags() { # debian_flags CFLAGS|LDFLAGS
  local flags
  flags=$(DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --get "$1")
  [ "$1" = LDFLAGS ] || flags+=" $(dpkg-buildflags --get CPPFLAGS)"
  echo "$flags"
}

short_builds() {
  CFLAGS=$fedora_cflags LDFLAGS=$fedora_ldflags try gcc "as Fedora" Ninja None
  try gcc "Release, abseil's deadlock detector left alone" 'Unix Makefiles' Release -DORDERSHOP_STOP_DEADLOCK_DETECTOR=OFF
  CFLAGS='-O0 -funsigned-char' try clang "unoptimized, chars without sign" Ninja Debug
}

# What every compiler takes.
builds_with() { # COMPILER
  local level
  for level in 0 1 2 3; do
    CFLAGS="-O2 -D_FORTIFY_SOURCE=$level" try "$1" "fortified $level" Ninja ''
  done
  for level in Debug Release MinSizeRel RelWithDebInfo; do
    try "$1" "$level" 'Unix Makefiles' "$level"
  done
  CFLAGS='-O0 -fsigned-char -fno-stack-protector' try "$1" "unoptimized" Ninja None
  CFLAGS='-O3 -funsigned-char -fomit-frame-pointer' try "$1" "chars without sign" Ninja None
  CFLAGS='-O2 -fcf-protection=full -fstack-protector-all' LDFLAGS='-Wl,-z,lazy' try "$1" "guarded" Ninja None
  CFLAGS='-O2 -fPIE' LDFLAGS='-pie' try "$1" "C17, position independent" Ninja None -DCMAKE_C_STANDARD=17
  CFLAGS=-O2 try "$1" "C23 without extensions" Ninja None -DCMAKE_C_STANDARD=23 -DCMAKE_C_EXTENSIONS=OFF
  CFLAGS="$(debian_flags CFLAGS)" LDFLAGS="$(debian_flags LDFLAGS)" try "$1" "as Debian" 'Unix Makefiles' None
  CFLAGS=$arch_cflags LDFLAGS=$arch_ldflags try "$1" "as Arch" Ninja None
  CFLAGS=$suse_cflags LDFLAGS=$suse_ldflags try "$1" "as openSUSE" 'Unix Makefiles' RelWithDebInfo -DBUILD_SHARED_LIBS=ON
}

if [ $short = yes ]; then
  short_builds
else
  for compiler in $compilers; do
    builds_with "$compiler"
    case $compiler in
    *clang*) CFLAGS=$fedora_clang_cflags LDFLAGS="-fuse-ld=lld $fedora_ldflags" try "$compiler" "as Fedora" Ninja None ;;
    *)
      CFLAGS=$fedora_cflags LDFLAGS=$fedora_ldflags try "$compiler" "as Fedora" Ninja None
      CFLAGS='-O3 -flto=auto' LDFLAGS='-flto=auto' try "$compiler" "link-time optimized" Ninja None
      ;;
    esac
  done
fi
shop_done
