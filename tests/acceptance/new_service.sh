#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The skeleton of a service (services/template/new_service.sh), in the source tree and on the installed library: it builds
# without a warning, its own test passes, what docs/own_service.md makes of it works, and what can't be made leaves nothing
# behind.
# suite-seconds: 1800

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

if nm -D "$ORDERSHOP_BIN/ordershop-customer" 2>/dev/null | grep __asan_init >/dev/null; then
  skip "not applicable: sanitizers have nothing to see here"
fi

# --- On the installed library ---

prefix=$shop_folder/prefix place=$shop_folder/place
mkdir "$place"

# documented TAG FOLDER: runs the document's commands in that folder, with this test's places instead of theirs
documented() {
  # shellcheck disable=SC2016,SC2088 # as they stand in the document
  (cd "$2" && PATH=$prefix/bin:$PATH "$ORDERSHOP_SOURCE/tests/lib/documented_commands.py" run "$1" \
    --set "--install build=--install ${ORDERSHOP_BIN%/bin}" --set "~/ordershop=$prefix" --set "tests/run.sh=tests/run.sh --no-install" --set '$HOME/ordershop'"=$prefix" \
    "$ORDERSHOP_SOURCE/docs/own_service.md")
}

new() { (cd "$place" && "$prefix/bin/ordershop-new-service" "$@"); }

ordershop_new() { (cd "$place" && "$prefix/bin/ordershop" new service "$@"); }

no_name_of_the_shop() { # no_name_of_the_shop FOLDER: but for the library's
  grep -Eir 'ordershop|shop_' "$1" --exclude-dir=build | grep -v 'OrderShop\(::\|_SCRIPTS\|_PROGRAMS\| REQUIRED\|.s scripts\| whole\|\.$\)\|ordershop_generate\|share/ordershop' >"$shop_folder/names"
  [ ! -s "$shop_folder/names" ] || { cat "$shop_folder/names" && return 1; }
}

# refuses STATUS PATTERN ARGUMENT...: says so, and the folder is as it was
refuses() {
  local status=$1 pattern=$2 before
  shift 2
  before=$(ls -A "$place")
  ends_with "$status" "$pattern" new "$@" && [ "$(ls -A "$place")" = "$before" ]
}

builds() { # builds FOLDER
  cmake -S "$1" -B "$1/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_FLAGS="-Wall -Wextra -Werror" &&
    cmake --build "$1/build"
}

passes_its_test() { ctest --test-dir "$1/build" --output-on-failure; }

# Whoever takes make finds all of it by pkg-config, wherever the library was installed to.
pkg_config_names_the_prefix() {
  local file flag
  file=$(find "$prefix" -name ordershop.pc)
  export PKG_CONFIG_PATH=${file%/*}
  for flag in $(pkg-config --cflags-only-I ordershop) $(pkg-config --libs-only-L ordershop); do
    case ${flag#-?} in
    */ordershop/*) [ "$(realpath "${flag#-?}")" = "$(realpath "$prefix")${flag##*/../..}" ] || [[ $(realpath "${flag#-?}") == "$prefix"/* ]] || return 1 ;;
    esac
  done
  [ -x "$(pkg-config --variable=embed_file ordershop)" ] && [ -d "$(pkg-config --variable=protodir ordershop)/ordershop/v1" ]
}

# add tree|outside|command FOLDER: what the document adds
add() { "$ORDERSHOP_SOURCE/tests/lib/own_service.py" "$@"; }

# A Redis and a gateway of its own, so a script of its own. The gateway knows nothing of the service but its address.
gateway_offers_it() {
  cat >"$shop_folder/offered.sh" <<'SCRIPT'
. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"
shop_prepare
redis_start
export ORDERSHOP_GATEWAY_PORT ORDERSHOP_NOTE_ADDRESS
ORDERSHOP_GATEWAY_PORT=$(spare_port) ORDERSHOP_NOTE_ADDRESS=127.0.0.1:$(($(spare_port) - 2))
url=http://127.0.0.1:$ORDERSHOP_GATEWAY_PORT
answers() { curl --silent --show-error --max-time 30 --header 'Content-Type: application/json' "${@:2}" | tee /dev/stderr | grep "$1"; }
launch gateway "$ORDERSHOP_BIN/ordershop-gateway"
launch note env ORDERSHOP_LISTEN="$ORDERSHOP_NOTE_ADDRESS" ORDERSHOP_REDIS_URL="redis://127.0.0.1:$(port_of redis)/0" "$1"
wait_until 60 "$1" --check-health --listen "$ORDERSHOP_NOTE_ADDRESS" || fail "the note service does not serve"
expect "it is in the document" wait_until 60 answers '"/v1/notes/{id}"' "$url/openapi.json"
expect "the calls of the guide are answered" "$ORDERSHOP_SOURCE/tests/lib/documented_commands.py" run own-gateway \
  --set ordershop.v1=note.v1 --set "localhost:5000=127.0.0.1:$ORDERSHOP_GATEWAY_PORT" "$ORDERSHOP_SOURCE/docs/own_service.md"
expect "what is made of its events can be read" wait_until 30 answers '"count":"2"' "$url/v1/note_counts/hello"
expect "its status is among those of the shop" answers '{"name":"note","status":{' "$url/status"
expect "its errors are answers" answers '"reason":"FIELD_INVALID"' "$url/v1/notes" --data '{"title": ""}'
shop_done
SCRIPT
  bash "$shop_folder/offered.sh" "$place/note/build/ordershop-note"
}

expect "the library is installed as the document says" documented own-install "$place"
expect "its configuration is where it was installed, too" test -e "$prefix/etc/ordershop/common.env"
expect "pkg-config finds it where it was installed" pkg_config_names_the_prefix
expect "a service is made outside the tree, builds and passes its test as the document says" documented own-outside "$place"
expect "the gateway offers it over HTTP where its address is configured" gateway_offers_it
expect "one with another port and an awkward plural is made" new category --port 7001 --folder "$place/folder"
expect "it builds, too" builds "$place/folder"
expect "and passes its test" passes_its_test "$place/folder"
expect "one of another brand is made by the command line" ordershop_new note --folder coupon --brand coupon
expect "it builds" builds "$place/coupon"
expect "it passes its test, with its own variables and clock" passes_its_test "$place/coupon"
expect "and has no name of the shop" no_name_of_the_shop "$place/coupon"
expect "what the document adds is added to one of another brand" add outside "$place/coupon"
expect "it builds" builds "$place/coupon"
expect "it follows the shop's customers and writes to them, in a test that starts the shop's services" passes_its_test "$place/coupon"
expect "a folder that is there is not overwritten" refuses 1 "note is there already" note
expect "nor is anything made where there is no folder" refuses 1 "there is no folder" note --folder nowhere/note
expect "a name with a capital is refused" refuses 1 '"Note" is no name' Note
expect "a name with a dash is refused" refuses 1 '"my-note" is no name' my-note
expect "a word of C is refused" refuses 1 "'int' means something else" int
expect "a word of the skeleton is refused" refuses 1 "'count' means something else" count
expect "the name of a service of the shop is refused" refuses 1 "the shop has a service order already" order
expect "the name of a user of Redis is refused" refuses 1 'choose another name' operator
expect "a port that is none is refused" refuses 1 '"70000" is no port' note2 --port 70000
expect "a port of the shop is refused" refuses 1 'port 50051 is that of customer' note2 --port 50051
expect "a brand with a dash is refused" refuses 1 '"my-shop" is no name of a brand' note2 --brand my-shop
expect "a brand whose clock would be among the service's keys is refused" refuses 1 "clock of the brand note2" note2 --brand note2
expect "the shop's brand needs no flag" refuses 1 "is the shop's brand" note2 --brand ordershop
expect "no name is misuse" refuses 2 "what is the service called"
expect "two names are misuse" refuses 2 "one service at a time" note2 note3
expect "an unknown option is misuse" refuses 2 "unknown option '--prot'" note2 --prot 1

# --- In the source tree ---

tree=$shop_folder/tree
unset ORDERSHOP_TEST_BUILD
if command -v ccache >/dev/null; then
  export CMAKE_C_COMPILER_LAUNCHER=ccache CCACHE_BASEDIR=$tree CCACHE_NOHASHDIR=1
fi

copy_tree() {
  mkdir "$tree"
  (cd "$ORDERSHOP_SOURCE" && git ls-files -z 2>/dev/null | xargs -0 cp --parents -t "$tree") &&
    git -C "$tree" init -q && git -C "$tree" add -A && git -C "$tree" -c user.name=test -c user.email=test@localhost commit -qm all
}
new_in_tree() { "$tree/services/template/new_service.sh" "$@"; }

changed_files() { git -C "$tree" status --porcelain | sed -n 's/^ M //p'; }

leaves_the_tree_alone() { # leaves_the_tree_alone STATUS PATTERN ARGUMENT...
  local before
  before=$(git -C "$tree" status --porcelain)
  ends_with "$1" "$2" new_in_tree "${@:3}" && [ "$(git -C "$tree" status --porcelain)" = "$before" ]
}

few_files_are_touched() {
  changed_files
  [ "$(changed_files | wc -l)" -le 3 ]
}

is_formatted() {
  ! command -v clang-format >/dev/null || clang-format --dry-run -Werror "$tree"/services/note/*.[ch]
}

# The checks of sources that look at every service have nothing to say of this one.
keeps_the_rules() {
  local suite found=''
  for suite in layers.sh license.sh coroutine_fn.py; do
    found+=$(env ORDERSHOP_SOURCE="$tree" "$tree/tests/quality/$suite" 2>&1 | grep 'services/note/' || true)
  done
  say "$found"
  [ -z "$found" ]
}

# The whole tree with all tests, without a warning. What the cache of compilers has from the build of this tree need not be
# made again.
builds_and_passes_its_test() {
  documented own-tree-test "$tree"
}

# Suites that go through all services of the list, or of a shop.
readonly general='@(unit/client_command_line|unit/client_events|unit/client_load_parts|integration/client_typed|quality/documented)'
passes_general_suites() {
  "$tree/tests/run.sh" --no-install --only "$general"
}

if ! "$ORDERSHOP_SOURCE/gen/generate.sh" "$shop_folder/gen" >/dev/null 2>&1; then
  say "not applicable: what gen/generate.sh needs is not installed, so nothing is made in the tree"
  shop_done
fi
if [ -e "$ORDERSHOP_SOURCE/services/note" ]; then
  say "not applicable: this tree has a service note already, which the document makes"
  shop_done
fi
expect "the tree is copied" copy_tree
expect "a service is made in the tree as the document says" documented own-tree "$tree"
expect "it touches three files at most that were there" few_files_are_touched
expect "what it makes is formatted" is_formatted
expect "it keeps the rules of the tree" keeps_the_rules
expect "its rights in Redis follow the list" eval "'$tree/deploy/redis/make_users.sh' '$shop_folder/tree_users' && grep '^user note' '$shop_folder/tree_users/users.acl'"
expect "another of that name leaves the tree as it is" leaves_the_tree_alone 1 "the shop has a service note already" note
expect "a port that this tree can't have is refused" leaves_the_tree_alone 1 "from 50051 to 50199" note2 --port 7000
expect "the tree builds without a warning, and its test passes, as the document says" builds_and_passes_its_test
expect "so do suites of the shop that go through the list of services" passes_general_suites

# As far from the others as that of Redis, or of what else a test starts, is in the twenty ports of a shell test.
passes_its_test_at_a_far_port() {
  local status=0 list=$tree/deploy/services.txt
  cp -p "$list" "$shop_folder/list"
  sed -i 's/^\(note *\)50059/\150068/' "$list"
  env ORDERSHOP_SOURCE="$tree" ORDERSHOP_BIN="$tree/build-tests/bin" "$tree/tests/acceptance/note.sh" || status=$?
  mv "$shop_folder/list" "$list"
  return "$status"
}
expect "its port may be any of the list's" passes_its_test_at_a_far_port

# A shop of its own, so a script of its own.
grpcurl_calls_it() {
  cat >"$shop_folder/call.sh" <<'SCRIPT'
. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"
shop_start note
expect "the calls of the document are answered" "$ORDERSHOP_SOURCE/tests/lib/documented_commands.py" run own-call \
  --set "localhost:50059=$(address_of note)" "$ORDERSHOP_SOURCE/docs/own_service.md"
shop_done
SCRIPT
  env PATH="$(dirname "$grpcurl"):$PATH" ORDERSHOP_SOURCE="$tree" ORDERSHOP_BIN="$tree/build-tests/bin" bash "$shop_folder/call.sh"
}
. "$ORDERSHOP_SOURCE/tests/lib/go_tool.sh"
if grpcurl=$(find_go_tool grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl v1.8.9 2>"$shop_folder/why"); then
  expect "grpcurl calls it as the document says" grpcurl_calls_it
else
  say "not applicable: no grpcurl: $(tail -n 1 "$shop_folder/why")"
fi
expect "a brand is for services outside the tree" leaves_the_tree_alone 2 "brand goes with --folder" note2 --brand coupon

files_are_made() {
  documented own-files "$tree" && [ -e "$tree/deploy/docker/note.yaml" ] && [ -e "$tree/deploy/docker/diary.yaml" ] &&
    [ -e "$tree/deploy/kubernetes/components/note/kustomization.yaml" ] && [ -e "$tree/deploy/kubernetes/components/diary/kustomization.yaml" ]
}
expect "its files for compose and Kubernetes are made as the document says, and those of one from outside" files_are_made

# --- What the document makes of it: an entity for each customer, and a mail ---

made_by_the_program() {
  (cd / && "$tree/build-tests/bin/ordershop" new service remark) && [ -e "$tree/services/remark/remark_service.c" ] &&
    grep -q '^remark ' "$tree/deploy/services.txt"
}
program_says_what_is_missing() {
  cp "$tree/build-tests/bin/ordershop" "$shop_folder/alone" && PATH=/usr/bin:/bin ends_with 1 'libordershop-dev' "$shop_folder/alone" new service note3
}

add_command() { add command "$tree" && "$tree/gen/generate.sh"; }

short_enough() { [ "$(cat "$tree"/services/note/*.[ch] | wc -l)" -le 135 ]; }

# A shop of its own, so a script of its own.
a_customer_is_noted() {
  cat >"$shop_folder/noted.sh" <<'SCRIPT'
. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"
has_mail() { "$ORDERSHOP_BIN/ordershop" mail list --to ada@example.com | grep 'We will call you.*SENT'; }
is_counted() { [ "$(redis zcard note_by_creation)" = 1 ] && [ "$(redis hlen note_counts)" = 1 ]; }
view_is_lost() { redis del note_counts && ! is_counted; }
rebuild() { "$ORDERSHOP_BIN/ordershop" view rebuild note counts "$@"; }
shop_start customer mail note
"$ORDERSHOP_BIN/ordershop" customer create --name Ada --email ada@example.com
expect "the mail comes" wait_until 60 has_mail
expect "the note is there and counted" wait_until 60 is_counted
expect "its view is lost" view_is_lost
expect "a comparison with what the events say finds that" ends_with 1 MISSING rebuild --verify
expect "the view is built anew as the document says" rebuild --reason "it was lost"
expect "and is as it was, and nothing else is done again" is_counted
expect "so that a comparison finds nothing" rebuild --verify

export ORDERSHOP_GATEWAY_PORT
ORDERSHOP_GATEWAY_PORT=$(spare_port)
at_gateway() { # at_gateway METHOD JSON: the answer, or the error
  curl -s "http://localhost:$ORDERSHOP_GATEWAY_PORT/ordershop.v1.$1" -H 'Content-Type: application/json' -d "$2"
}
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }
documented_gateway() {
  "$ORDERSHOP_SOURCE/tests/lib/documented_commands.py" run own-gateway --set "localhost:5000=localhost:$ORDERSHOP_GATEWAY_PORT" \
    "$ORDERSHOP_SOURCE/docs/own_service.md"
}
titles() { at_gateway NoteService/TitleNote "{\"id\":\"$note\",\"customerId\":\"$1\",\"requestId\":\"$request\"}"; }
is_titled_once() { titles "$customer" | grep '"title":"Ada".*"version":"2"' && [ "$(redis xlen events:note_updated)" = 1 ]; }
launch gateway "$ORDERSHOP_BIN/ordershop-gateway"
wait_until 60 "$ORDERSHOP_BIN/ordershop-gateway" --check-health || fail "the gateway does not serve"
expect "the gateway has its methods as the document says" documented_gateway
customer=$("$ORDERSHOP_BIN/ordershop" customer list --json | field id)
note=$(at_gateway NoteService/CreateNote '{"note":{"title":"none"}}' | field id)
request=6a1c1b7e-52a5-4d52-9ab2-0a6d5d4c7e11
expect "a command of its own asks a peer and changes the note" is_titled_once
expect "when it is called again with the same request_id it answers the same, and has no further effect" is_titled_once
expect "with another request it is refused" eval "titles $note | grep REQUEST_ID_REUSED"
request=6a1c1b7e-52a5-4d52-9ab2-0a6d5d4c7e12
expect "an error of the peer comes with the step" eval "titles $note | grep 'CUSTOMER_NOT_FOUND'"
many_at_once() {
  local calls=() i
  for i in {20..39}; do
    request=6a1c1b7e-52a5-4d52-9ab2-0a6d5d4c7e$i titles "$customer" >"$shop_folder/title$i" &
    calls+=($!)
  done
  wait "${calls[@]}"
  at_gateway NoteService/GetNote "{\"id\":\"$note\"}" | grep '"version":"22"'
}
expect "of twenty at once each has its turn" many_at_once
expect "nothing was refused" test -z "$(redis acl log)"
shop_done
SCRIPT
  env ORDERSHOP_SOURCE="$tree" ORDERSHOP_BIN="$tree/build-tests/bin" bash "$shop_folder/noted.sh"
}

builds_all_that_it_needs() {
  cmake --build "$tree/build-tests" --target ordershop-note note_client ordershop ordershop-customer ordershop-mail ordershop-gateway
}

expect "what the document adds is added" add tree "$tree"
expect "the service with its test is clearly below 150 lines" short_enough
expect "the document's command of one's own is added, too" add_command
expect "it builds without a warning, too" builds_all_that_it_needs
expect "a new customer is noted, counted and written to" a_customer_is_noted
expect "the command line of the tree makes another one there, from anywhere" made_by_the_program
expect "where the script is missing the command line names its package" program_says_what_is_missing
shop_done
