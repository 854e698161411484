# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034 # the lists are for those who source this
# The one list of Debian packages (12 and 13), and how missing ones get installed. Sourced by up.sh, tests/run.sh, .ci/run.
#
# An entry is a package, or alternatives of which any one will do: `a|b`. The first is installed if there is none of
# them. `command:x` is satisfied by a command x on PATH, wherever it came from. A trailing `?` means: where this Debian
# has it; what needs it says so and is skipped.

# To run the shop.
run_packages=('redis-server|valkey-server' 'redis-tools|valkey-tools' util-linux openssl)

# To build it.
build_packages=(
  build-essential cmake ninja-build 'pkg-config|pkgconf'
  libgrpc-dev libssl-dev libprotobuf-c-dev libhiredis-dev libuv1-dev libboost-context-dev uuid-dev libjansson-dev
  'libcurl4-openssl-dev|libcurl4-gnutls-dev' libgmime-3.0-dev libnghttp2-dev libsqlite3-dev libzstd-dev libmicrohttpd-dev
)

# To test it: CUnit, valgrind, what renders the reference, what judges metrics (promtool), what makes gen/ anew, foreign clients in Python and Go, and a
# browser.
test_packages=(
  libcunit1-dev valgrind doxygen prometheus
  protobuf-compiler protobuf-c-compiler libprotobuf-dev golang-github-gogo-googleapis-dev 'grpc-proto?'
  python3 python3-grpcio python3-protobuf python3-venv jq curl
  'golang-go|command:go' git ca-certificates
  chromium chromium-driver python3-selenium
)

# For .ci/run: what judges the sources, a second compiler, and what spares compiling the same twice.
lint_packages=(ccache clang clang-format clang-tidy shellcheck 'npm|command:npm' 'python3-pip|command:pip')

# For .ci/run: what builds and runs images; tests/acceptance/containers.sh is skipped without them.
container_packages=(buildah debootstrap iproute2 docker.io 'docker-compose|docker-compose-v2')

# For .ci/run: what builds and judges Debian packages; tests/acceptance/packages.sh is skipped without them.
debian_packages=(debootstrap dpkg-dev file lintian)

packages_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

package_is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Does this Debian have it, as far as its package lists tell?
package_exists() {
  [[ $(apt-cache policy "$1" 2>/dev/null) == *'Candidate: '[!\(]* ]]
}

entry_is_satisfied() {
  local alternative alternatives
  IFS='|' read -ra alternatives <<<"$1"
  for alternative in "${alternatives[@]}"; do
    case $alternative in
    command:*) command -v "${alternative#command:}" >/dev/null && return 0 ;;
    *) package_is_installed "${alternative%\?}" && return 0 ;;
    esac
  done
  return 1
}

# install_missing ENTRY...: installs what is missing, and says so. Returns 1, having said why, where it can't.
install_missing() {
  local entry missing=() optional=() become_root=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "Not a Debian: packages are not installed for you. Needed are: $*" >&2
    return 0
  fi
  for entry in "$@"; do
    entry_is_satisfied "$entry" && continue
    case $entry in
    *\?) optional+=("$entry") ;;
    *) missing+=("${entry%%|*}") ;;
    esac
  done
  for entry in "${optional[@]}"; do
    package_exists "${entry%\?}" && missing+=("${entry%\?}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  if [ "$(id -u)" -ne 0 ]; then
    become_root=(sudo)
    if ! command -v sudo >/dev/null; then
      echo "Packages are missing, and there is neither root nor sudo to install them. As root:" >&2
      echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    fi
  fi
  echo "Installing packages: ${missing[*]}"
  "${become_root[@]}" "$packages_dir/install_packages.sh" "${missing[@]}" "${optional[@]}"
}
