# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Packages of npm that tests drive, kept in the user's cache folder.

# find_npm_packages NAME PACKAGE@VERSION...: prints the folder whose node_modules has them; they are installed at the first
# use. Fails, having said why on standard error, where there is no npm or it doesn't bring them.
find_npm_packages() {
  local folder=${XDG_CACHE_HOME:-$HOME/.cache}/ordershop-tools/$1
  shift
  mkdir -p "$folder"
  # whoever comes second waits
  if ! (
    flock 6
    [ -e "$folder/complete" ] || { npm install --prefix "$folder" --no-save --no-audit --no-fund --ignore-scripts \
      --loglevel=error "$@" >"$folder/log" 2>&1 && : >"$folder/complete"; }
  ) 6>"$folder.lock"; then
    tail -n 1 "$folder/log" >&2
    return 1
  fi
  echo "$folder"
}
