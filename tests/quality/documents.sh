#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# No command stands in a document that nothing runs: each block of commands says who runs it, and that one does.

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
documents() { find . -name '*.md' -not -path './build*' -not -path './.git/*' | LC_ALL=C sort; }
mapfile -t all < <(documents)

# runner_of TAG: the script that runs blocks of that tag
runner_of() {
  case $1 in
  local) echo tests/acceptance/documents_local.sh ;;
  ci) echo .ci/run ;;
  packages | packages-*) echo tests/acceptance/packages.sh ;;
  containers) echo tests/acceptance/containers.sh ;;
  own-*) echo tests/acceptance/new_service.sh ;;
  kubernetes) echo tests/kubernetes.sh ;;
  *) return 1 ;;
  esac
}

each_block_says_who_runs_it() {
  local place tag missing=0
  while read -r place tag; do
    runner_of "$tag" >/dev/null || {
      say "$place: no '<!-- run: TAG -->' before it, or one that nobody runs: $tag"
      missing=1
    }
  done < <(tests/lib/documented_commands.py tags "${all[@]}")
  return "$missing"
}

# The runner of .ci/run is its own text: what the block says must stand there.
runners_run_their_tags() {
  local tag runner missing=0
  while read -r tag; do
    runner=$(runner_of "$tag")
    [ "$tag" = ci ] || grep -qE "documented(_commands.py\" (run|print))? $tag\b" "$runner" || {
      say "$runner does not run the blocks tagged $tag"
      missing=1
    }
  done < <(tests/lib/documented_commands.py tags "${all[@]}" | awk '$2 != "none" { print $2 }' | sort -u)
  grep -q '^ *tests/run.sh ' .ci/run || missing=1
  return "$missing"
}

# Documents that a link without a scheme names, and their headings.
links_lead_somewhere() {
  python3 - "${all[@]}" <<'PYTHON'
import os, re, sys

def anchors(path):
    with open(path, encoding="utf-8") as document:
        titles = re.findall(r"^#+ (.*)$", document.read(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}

broken = 0
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as document:
        text = re.sub(r"```.*?```", "", document.read(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        file = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
        if not os.path.exists(file) or (anchor and anchor not in anchors(file)):
            print(f"{path}: {target} leads nowhere")
            broken = 1
sys.exit(broken)
PYTHON
}

expect "each block of commands in a document says who runs it" each_block_says_who_runs_it
expect "whoever is named runs them" runners_run_their_tags
expect "links between documents lead somewhere" links_lead_somewhere
say "$shop_passed passed, $shop_failed failed"
[ $shop_failed -eq 0 ]
