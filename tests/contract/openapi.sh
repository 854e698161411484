#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# /openapi.json is what a validator that nobody here wrote takes for OpenAPI 3.1, and has each resource of the protos.
# Exit status: 0 yes; 1 no; 77 there is no such validator here.

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

readonly validator_version=0.9.0

# Sets `python` to one that has the validator.
find_validator() {
  local folder=${XDG_CACHE_HOME:-$HOME/.cache}/ordershop-tools/openapi-spec-validator-$validator_version
  python=$folder/bin/python
  [ ! -e "$folder/complete" ] || return 0
  # a venv can't be moved: whoever comes second waits
  mkdir -p "$(dirname "$folder")"
  exec 6>"$folder.lock"
  flock 6
  [ ! -e "$folder/complete" ] || return 0
  rm -rf "$folder"
  python3 -m venv "$folder" >"$shop_folder/why" 2>&1 &&
    "$folder/bin/pip" install --quiet --disable-pip-version-check "openapi-spec-validator==$validator_version" \
      >"$shop_folder/why" 2>&1 && : >"$folder/complete"
}
find_validator || skip "no openapi-spec-validator: $(tail -n 1 "$shop_folder/why")"

reserve_ports
ORDERSHOP_GATEWAY_PORT=$(spare_port)
export ORDERSHOP_GATEWAY_PORT
launch gateway "$ORDERSHOP_BIN/ordershop-gateway"
wait_until 20 "$ORDERSHOP_BIN/ordershop-gateway" --check-health || fail "the gateway does not serve"

document_is_valid() {
  "$python" - "http://127.0.0.1:$ORDERSHOP_GATEWAY_PORT/openapi.json" "$ORDERSHOP_SOURCE/proto/ordershop/v1" <<'PYTHON'
import glob, json, re, sys, urllib.request
from openapi_spec_validator import OpenAPIV31SpecValidator
document = json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1]))
OpenAPIV31SpecValidator(document).validate()
there = {(verb, path) for path, item in document["paths"].items() for verb in item}
wanted = set()
for file in glob.glob(sys.argv[2] + "/*.proto"):
    with open(file) as proto:
        for rpc in re.findall(r"  rpc .*?\n  }\n", proto.read(), re.DOTALL):
            if "returns (stream" not in rpc:
                wanted.update((verb, re.sub(r"{\w+\.", "{", path)) for verb, path in re.findall(r'(get|post|patch|delete): "(.*?)"', rpc))
alike = [re.sub("{.*?}", "{}", path) for path in document["paths"]]
assert len(alike) == len(set(alike)), "paths that differ in names of variables alone"
assert there == wanted and len(there) > 36, there ^ wanted
PYTHON
}

expect "the document is valid, and has each resource once" document_is_valid
kill -TERM "${shop_pid[gateway]}"
await_end gateway 60
shop_done
