#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need, builds, runs every suite, and names at the end which have failed. The last line says
# `N passed, N failed, N skipped`.
#
#   run.sh [--sanitize] [--only PATTERN] [--redis redis|valkey] [--jobs N] [--no-install] [--list]
#
#   --sanitize      a build of its own with AddressSanitizer and UndefinedBehaviorSanitizer
#   --only PATTERN  only suites whose name contains the shell pattern, e.g. unit/ or 'fault/*mail'
#   --redis KIND    with the server that is installed as redis-server or as valkey-server (default: the first that is)
#   --jobs N        so many suites at a time (default 2, or 1 on a machine with one core)
#   --no-install    installs no packages
#   --list          builds, and prints the names of the suites
#
# A suite is a CUnit program of the build (tests/CMakeLists.txt), or an executable *.sh or *.py in tests/contract,
# model, acceptance, fault or quality. It exits 0 if it passed, 77 if it was skipped (its last line says why), else it
# failed. A script counts as one test unless its last line is `N passed, N failed`. A suite may take 900 seconds, or
# what a line `# suite-seconds: N` in a script says, three times as long with --sanitize: more than it needs on a busy
# machine. It also fails if it leaves a process behind.
#
# Suites are told in the environment: ORDERSHOP_SOURCE (the tree), ORDERSHOP_BIN (the executables, with fail points),
# ORDERSHOP_TEST_SLOWNESS (1, or 3 for sanitized ones: factor for deadlines), TMPDIR (their own; removed afterwards).
# ORDERSHOP_REQUIRE_TOOLS=1 makes a skipped suite a failed one, unless its last line says `not applicable`.
# ORDERSHOP_TEST_FAILOVERS=20 makes suites of failovers lose Redis' master so often (default 2), ORDERSHOP_TEST_REPLICAS=0 or 1
# says how many replicas answers wait for there.
# ORDERSHOP_TEST_BUILD is the build folder (default build-tests or build-tests-sanitize in the tree). Runs at the same
# time share it: one that has to rebuild waits for those that test.
#
# On a terminal (standard error) a last line says how many suites are done and which ones run.
#
# Exit status: 0 all passed or were skipped; 1 not; 2 misuse.

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

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../deploy/local/packages.sh
. "$root/deploy/local/packages.sh"

misuse() {
  echo "run.sh: $*; see run.sh --help" >&2
  exit 2
}

# --- Options ---

sanitize=no only='' redis='' install=yes list=no
jobs=$(($(nproc) > 1 ? 2 : 1))
while [ $# -gt 0 ]; do
  case $1 in
  --sanitize) sanitize=yes ;;
  --only)
    [ -n "${2:-}" ] || misuse "--only needs a pattern"
    only=$2
    shift
    ;;
  --redis)
    case ${2:-} in
    redis | valkey) redis=$2 ;;
    *) misuse "--redis needs redis or valkey" ;;
    esac
    shift
    ;;
  --jobs)
    [[ ${2:-} =~ ^[1-9][0-9]?$ ]] || misuse "--jobs needs a number"
    jobs=$2
    shift
    ;;
  --no-install) install=no ;;
  --list) list=yes ;;
  -h | --help)
    sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
    exit 0
    ;;
  *) misuse "unknown argument '$1'" ;;
  esac
  shift
done

# --- Build ---

options=(-DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_COMPILE_WARNING_AS_ERROR=ON -DORDERSHOP_TESTS=ON
  -DORDERSHOP_FAIL_POINTS=ON)
folder=build-tests slowness=1
if [ $sanitize = yes ]; then
  options+=(-DORDERSHOP_SANITIZE=ON)
  folder=build-tests-sanitize slowness=3
fi

# In the tree, or, where that belongs to somebody else, in the user's cache.
choose_build_folder() {
  build=${ORDERSHOP_TEST_BUILD:-$root/$folder}
  [[ $build == /* ]] || build=$PWD/$build
  if ! mkdir -p "$build" 2>/dev/null || [ ! -w "$build" ]; then
    build=${XDG_CACHE_HOME:-$HOME/.cache}/ordershop/$folder-$(printf %s "$root" | cksum | cut -d ' ' -f 1)
    mkdir -p "$build"
  fi
}

# Changes whenever something changes that a build depends on.
fingerprint() {
  (cd "$root" && find CMakeLists.txt deploy/services.txt cmake gen proto services client tests -type f ! -name '*.pyc' \
    -printf '%p %s %T@\n' | LC_ALL=C sort | cksum)
}

run_build() {
  cmake -S "$root" -B "$build" -G Ninja "${options[@]}" && cmake --build "$build" --parallel "$(nproc)"
}

build_all() {
  local before
  before=$(fingerprint)
  echo "Building in $build"
  if ! run_build >"$build/build.log" 2>&1; then
    { grep -A 30 -m 3 -E '^FAILED: |error: |CMake Error' "$build/build.log" || tail -n 40 "$build/build.log"; } |
      cut -c 1-300
    echo "The build failed; all of it is in $build/build.log"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
  fi
  printf '%s\n' "$before" >"$build/.built"
}

# A run that builds has the folder for itself (an exclusive lock), runs that test share it. So nobody's executables
# change under them, and runs of an unchanged tree don't wait for each other.
build_or_share() {
  exec 9>>"$build/.lock"
  if flock -n -x 9; then
    build_all
  else
    flock -s 9
    if [ "$(cat "$build/.built" 2>/dev/null)" != "$(fingerprint)" ]; then
      echo "Waiting for another run of the tests to end, because there is something to build ..."
      flock -u 9
      flock -x 9
      build_all
    fi
  fi
  flock -s 9
}

# --- Suites ---

# Prints "<name> <program>" lines. CTest knows the programs of this build; the folder may hold older ones.
list_suites() {
  local script
  ctest --test-dir "$build" -N | sed -n 's/^ *Test *#[0-9]*: //p' |
    while read -r script; do printf '%s %s\n' "$script" "$build/tests/$script"; done
  (cd "$root/tests" && find contract model acceptance fault quality -maxdepth 1 \( -name '*.sh' -o -name '*.py' \) \
    -type f -perm -u=x 2>/dev/null | LC_ALL=C sort) |
    while read -r script; do printf '%s %s\n' "$script" "$root/tests/$script"; done
}

readonly usual_seconds=900

suite_seconds() { # suite_seconds PROGRAM
  local seconds=
  case $1 in
  *.sh | *.py) seconds=$(sed -n 's/^# suite-seconds: \([0-9]*\)$/\1/p' "$1" | head -n 1) ;;
  esac
  echo $((${seconds:-$usual_seconds} * slowness))
}

# Suites that may take longer than others begin before them, so that none of them is left alone at the end.
longest_first() {
  local name program
  while read -r name program; do
    printf '%s %s %s\n' "$(($(suite_seconds "$program") > usual_seconds * slowness))" "$name" "$program"
  done | LC_ALL=C sort --stable --reverse --key 1,1 | cut -d ' ' -f 2-
}

choose_suites() {
  local name program
  suites=()
  while read -r name program; do
    # shellcheck disable=SC2053 # a pattern
    [[ $name != *$only* ]] || suites+=("$name $program")
  done < <(list_suites | longest_first)
  if [ ${#suites[@]} -eq 0 ]; then
    echo "run.sh: there is no suite '$only'" >&2
    exit 2
  fi
}

# Sets passed, failed, skipped and why from what a suite printed and its exit status.
count_results() { # count_results LOG STATUS
  local log=$1 status=$2 last
  passed=0 failed=0 skipped=0 why=
  last=$(grep -v '^[[:space:]]*$' "$log" | tail -n 1 || true)
  if [ "$status" -eq 77 ]; then
    why=$last
    if [ "${ORDERSHOP_REQUIRE_TOOLS:-0}" = 1 ] && [[ $last != *'not applicable'* ]]; then
      failed=1 why="must not be skipped here: $last"
    else
      skipped=1
    fi
    return
  fi
  if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)?$ ]]; then
    passed=${BASH_REMATCH[1]} failed=${BASH_REMATCH[2]} skipped=${BASH_REMATCH[4]:-0}
  elif grep -q '^Run Summary:' "$log"; then
    # CUnit: "tests <total> <ran> <passed> <failed> <inactive>"
    read -r passed failed < <(awk '$1 == "tests" { line = $4 " " $5 } END { print line }' "$log")
  elif [ "$status" -eq 0 ]; then
    passed=1
  fi
  if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
  if [ "$status" -eq 0 ] && [ "$((passed + failed + skipped))" -eq 0 ]; then failed=1 why="ran no test"; fi
  case $status in
  124) why="took longer than $(suite_seconds "$program") seconds" ;;
  125) why="left processes behind" ;;
  esac
}

# --- Progress, on a terminal: a line below the results. To be called by who holds the lock of printing. ---

progress=no
if [ -t 2 ] && [ "${TERM:-dumb}" != dumb ]; then progress=yes; fi

clear_progress() { [ "$progress" = no ] || printf '\r\e[K' >&2; }

show_progress() {
  local finished now line
  [ "$progress" = yes ] || return 0
  finished=$(find "$scratch/results" -type f | wc -l)
  now=$(find "$scratch/running" -type f -exec cat {} + | paste -sd ' ')
  line="$finished of ${#suites[@]} suites done${now:+, running: $now}"
  printf '\r\e[K%s' "${line:0:79}" >&2
}

# Runs one suite; prints its line, and its output if it failed; notes the counts for the sum.
run_suite() { # run_suite NAME PROGRAM
  local name=$1 program=$2 file=${1//\//-} status=0 begin=$EPOCHREALTIME seconds passed failed skipped why verdict
  local log=$logs/$file.log temp=$scratch/$file
  mkdir "$temp"
  printf '%s\n' "$name" >"$scratch/running/$file"
  { flock 7 && show_progress; } 7>>"$scratch/print.lock"
  env -C "$root" TMPDIR="$temp" /usr/bin/python3 "$root/tests/lib/supervise.py" "$(suite_seconds "$program")" "$program" \
    >"$log" 2>&1 9>&- </dev/null || status=$?
  chmod -R u+rwX "$temp" 2>/dev/null || true
  rm -rf "$temp"
  seconds=$(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $begin }")
  count_results "$log" "$status"
  verdict=passed
  [ "$skipped" -eq 0 ] || [ "$passed" -ne 0 ] || verdict=skipped
  [ "$failed" -eq 0 ] || verdict=FAILED
  printf '%s %s %s %s\n' "$passed" "$failed" "$skipped" "$verdict" >"$scratch/results/$file"
  rm "$scratch/running/$file"
  {
    flock 7
    clear_progress
    [ "$verdict" != FAILED ] || { printf 'FAILED   %s\n' "$name" && what_failed "$log"; } >>"$scratch/failed"
    printf '%-8s %-44s %4s passed %6s s  %s\n' "$verdict" "$name" "$passed" "$seconds" "$why"
    if [ "$verdict" = FAILED ]; then
      printf '  exit status %s; the end of %s:\n' "$status" "$log"
      tail -n 150 "$log" | sed 's/^/  | /'
    fi
    show_progress
  } 7>>"$scratch/print.lock"
}

# What did not hold first, as shell suites, CUnit and Python's unittest say it; nothing if a suite ended without a word.
what_failed() { # what_failed LOG
  awk '/^FAILED: |^ *[0-9]+\. [^ ]+\.c:[0-9]+|^(FAIL|ERROR): / && !told[$0]++ && count++ < 5' "$1" | cut -c 1-200 | sed 's/^ */  | /'
}

run_suites() {
  local suite name program running=0
  for suite in "${suites[@]}"; do
    read -r name program <<<"$suite"
    if [ $running -ge "$jobs" ]; then
      wait -n || true
      running=$((running - 1))
    fi
    run_suite "$name" "$program" &
    running=$((running + 1))
  done
  wait
  clear_progress
}

prepare_environment() {
  export ORDERSHOP_SOURCE=$root ORDERSHOP_BIN=$build/bin ORDERSHOP_TEST_SLOWNESS=$slowness PYTHONDONTWRITEBYTECODE=1
  if [ $sanitize = yes ]; then
    export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:check_initialization_order=1
    export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    export LSAN_OPTIONS=suppressions=$root/tests/lib/lsan.supp:print_suppressions=0
  else
    # what malloc returns and free takes is overwritten: reads of it show
    export MALLOC_PERTURB_=165
  fi
  # A shop that happens to be configured here is none of the tests' business.
  local variable
  for variable in "${!ORDERSHOP_@}"; do
    case $variable in
    ORDERSHOP_SOURCE | ORDERSHOP_BIN | ORDERSHOP_TEST_SLOWNESS | ORDERSHOP_TEST_FAILOVERS | ORDERSHOP_TEST_REPLICAS | ORDERSHOP_REQUIRE_TOOLS) ;;
    *) unset "$variable" ;;
    esac
  done
}

# Suites know Redis' programs by Redis' names. Where Valkey's are to be used, these names lead to them.
choose_redis() {
  local program
  [ -n "$redis" ] || redis=$(command -v redis-server >/dev/null && echo redis || echo valkey)
  command -v "$redis-server" >/dev/null || {
    echo "run.sh: there is no $redis-server here" >&2
    exit 1
  }
  if [ "$redis" = valkey ]; then
    mkdir "$scratch/redis"
    for program in server cli check-aof check-rdb; do
      printf '#!/bin/sh\nexec valkey-%s "$@"\n' "$program" >"$scratch/redis/redis-$program"
    done
    chmod +x "$scratch"/redis/*
    PATH=$scratch/redis:$PATH
  fi
  redis-server --version
}

# The logs of the last ten runs are kept.
make_logs_folder() {
  mkdir -p "$build/logs"
  find "$build/logs" -mindepth 1 -maxdepth 1 -type d | LC_ALL=C sort -r | tail -n +10 | xargs -r rm -rf
  logs=$build/logs/$(date +%Y%m%d-%H%M%S)-$$
  mkdir "$logs"
}

end_run() {
  local status=$?
  trap - EXIT
  # supervise.py ends with this shell's children, and with it all that a suite has started
  jobs -p | xargs -r kill 2>/dev/null || true
  wait
  rm -rf "$scratch"
  exit $status
}

# --- Main ---

if [ $install = yes ]; then
  install_missing "${run_packages[@]}" "${build_packages[@]}" "${test_packages[@]}" || exit 1
fi
choose_build_folder
build_or_share
choose_suites
if [ $list = yes ]; then
  printf '%s\n' "${suites[@]%% *}"
  exit 0
fi
make_logs_folder
scratch=$(cd -- "${TMPDIR:-/tmp}" && mktemp -d "$PWD/ordershop-tests.XXXXXX")
trap end_run EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir "$scratch/results" "$scratch/running"
choose_redis
prepare_environment
run_suites

read -r passed failed skipped < <(cat "$scratch"/results/* |
  awk '{ passed += $1; failed += $2; skipped += $3 } END { print passed + 0, failed + 0, skipped + 0 }')
# A suite that could not even note its result.
results=$(find "$scratch/results" -type f | wc -l)
failed=$((failed + ${#suites[@]} - results))
echo
# What failed may stand far above.
[ ! -e "$scratch/failed" ] || cat "$scratch/failed"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
