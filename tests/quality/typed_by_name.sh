#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# What goes by a name or a void *, and so past the compiler, is what the protos say.

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

. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"

cd "$ORDERSHOP_SOURCE"

names() { python3 "$ORDERSHOP_SOURCE/tests/lib/typed_by_name.py" "$ORDERSHOP_SOURCE"; }

expect "every handler takes its request for what the proto says" names
shop_done
