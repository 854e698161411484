#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes a C file that holds a file's bytes as `const unsigned char SYMBOL[]` (with a NUL behind them) and their number
# as `const size_t SYMBOL_size`.
#
#   embed_file.sh INPUT OUTPUT SYMBOL
#
# Exit status: 0; 1 the input can't be read or the output not be written; 2 misuse.

# --- As in all scripts: what the caller's shell was told changes nothing here ----------------------------------------
unset CDPATH POSIXLY_CORRECT
LC_ALL=C.UTF-8
export LC_ALL
set -eu

case ${1:-} in
-h | --help)
  sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
  exit 0
  ;;
esac
if [ $# -ne 3 ]; then
  echo "embed_file.sh: expected INPUT OUTPUT SYMBOL; see embed_file.sh --help" >&2
  exit 2
fi
input=$1 output=$2 symbol=$3
if ! [ -r "$input" ]; then
  echo "embed_file.sh: can't read $input" >&2
  exit 1
fi

# Under another name until it is whole: a build that was interrupted doesn't take half a file for made.
{
  printf '#include <stddef.h>\n'
  printf 'extern const unsigned char %s[];\nextern const size_t %s_size;\n' "$symbol" "$symbol"
  printf 'const unsigned char %s[] = {\n' "$symbol"
  od -A n -v -t x1 -w32 "$input" | sed 's/ \(..\)/0x\1,/g'
  printf '0};\nconst size_t %s_size = sizeof %s - 1;\n' "$symbol" "$symbol"
} >"$output.part"
mv "$output.part" "$output"
