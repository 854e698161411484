# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Foreign command-line clients that are built from Go modules, kept in the user's cache folder.

# A machine that builds other things besides takes minutes for one; a suite that needs it has time for more.
readonly GO_TOOL_SECONDS=600

# find_go_tool NAME PACKAGE VERSION: prints the path of the tool: from PATH, or the pinned version from the cache, built
# at the first use. Fails, having said why on standard error, where there is no Go or the build fails.
find_go_tool() {
  local name=$1 package=$2 version=$3 folder aside status=0
  command -v "$name" && return
  folder=${XDG_CACHE_HOME:-$HOME/.cache}/ordershop-tools/$name-$version
  if [ ! -x "$folder/$name" ]; then
    command -v go >/dev/null || {
      echo "neither $name nor go on this machine" >&2
      return 1
    }
    mkdir -p "$(dirname "$folder")"
    aside=$(mktemp -d "$folder.XXXXXX")
    GOBIN=$aside GOFLAGS='' CGO_ENABLED=0 timeout $GO_TOOL_SECONDS go install "$package@$version" >"$aside/log" 2>&1 ||
      status=$?
    if [ $status -ne 0 ]; then
      tail -n 5 "$aside/log" >&2
      rm -rf "$aside"
      if [ $status -eq 124 ]; then
        echo "$name $version could not be built within $GO_TOOL_SECONDS seconds" >&2
      else
        echo "$name $version can't be built with $(go version)" >&2
      fi
      return 1
    fi
    # another run may have been faster
    mv -T "$aside" "$folder" 2>/dev/null || rm -rf "$aside"
  fi
  echo "$folder/$name"
}
