#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The reference of the libraries is rendered from the headers that are installed, without a warning, and has every function
# with its text.

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
[ "$shop_slowness" -eq 1 ] || skip "not applicable: headers are the same in a sanitized build"
command -v doxygen >/dev/null || skip "there is no doxygen here"

build=${ORDERSHOP_BIN%/bin}
output=$shop_folder/reference

# render DOXYFILE_LINE...: as the target `docs` does, but elsewhere, and as XML too
render() {
  rm -rf "$output"
  mkdir "$output"
  { cat "$build/docs/Doxyfile" && printf '%s\n' "OUTPUT_DIRECTORY=$output" GENERATE_XML=YES XML_PROGRAMLISTING=NO "$@"; } | doxygen -
}

renders_without_a_warning() { render && [ -f "$output/html/index.html" ]; }

# The symbols of the libraries tell which functions there are; what stands in an installed header is public.
every_public_function_has_its_text() {
  nm --defined-only --extern-only "$build"/services/runtime/libordershop_runtime.a "$build"/client/libordershop_client.a |
    awk '$2 == "T" { print $3 }' >"$shop_folder/symbols"
  python3 - "$build/docs/Doxyfile" "$output/xml" "$shop_folder/symbols" <<'PYTHON'
import glob, re, sys
from xml.etree import ElementTree

doxyfile, folder, symbols = (open(sys.argv[1]).read(), sys.argv[2], set(open(sys.argv[3]).read().split()))
described = {}
for path in glob.glob(folder + "/*_8h.xml"):
    for member in ElementTree.parse(path).iter("memberdef"):
        if member.get("kind") == "function":
            texts = (member.find(part) for part in ("briefdescription", "detaileddescription"))
            described[member.find("name").text] = "".join("".join(text.itertext()).strip() for text in texts)
headers = re.findall(r'"([^"]+\.h)"', re.search(r"^INPUT .*", doxyfile, re.MULTILINE)[0])
missing = count = 0
for header in headers:
    source = re.sub(r"/\*.*?\*/", "", open(header).read(), flags=re.DOTALL)
    for name in re.findall(r"\b(\w+)\(", source):
        if name not in symbols:
            continue
        count += 1
        if not described.get(name):
            print(f"{header}: {name} is {'not there' if name not in described else 'there without a text'}")
            missing += 1
print(f"{count} functions of {len(headers)} headers")
sys.exit(0 if count > 250 and not missing else 1)
PYTHON
}

# What a comment may hold is shown as it stands there, and nothing in it is a command of Doxygen.
any_text_is_shown_as_it_is() {
  cat >"$shop_folder/odd.h" <<'HEADER'
/* SPDX-License-Identifier: Apache-2.0 */
/* Odd: @param nobody \ref nowhere <b>. See "quoted", a#b, 5 % & `<service>_x:<id> @c`.
 *
 *   int drawing = odd_one(1); -> 2 @endcode
 */
#pragma once

/* Returns *value, or 0 if there is <none>. Costs 1 -- 2 `us`. */
int odd_one(const int *value);
int odd_two(void);

/* Nothing follows. */

struct odd {
  int first; /* counts
                \commands */
};
HEADER
  render "INPUT=$shop_folder/odd.h" && python3 - "$output/xml/odd_8h.xml" "$output/xml/structodd.xml" <<'PYTHON'
import re, sys
from xml.etree import ElementTree

texts = [" ".join("".join(ElementTree.parse(path).getroot().itertext()).split()) for path in sys.argv[1:]]
wanted = (
    (0, 'Odd: @param nobody \\ref nowhere <b>. See "quoted", a#b, 5 % & <service>_x:<id> @c.', 1),
    (0, "int drawing = odd_one(1); -> 2 @endcode", 1),
    (0, "Returns *value, or 0 if there is <none>.", 2),
    (0, "Costs 1 -- 2 us.", 2),
    (0, "Nothing follows", 0),
    (0, "SPDX", 0),
    (1, "counts \\commands", 1),
)
for place, text, times in wanted:
    if texts[place].count(text) != times:
        print(f"not {times} times: {text}\n{texts[place]}")
        sys.exit(1)
PYTHON
}

expect "the reference is rendered without a warning" renders_without_a_warning
expect "every public function is there with its text" every_public_function_has_its_text
expect "a comment is shown as it is, whatever it holds" any_text_is_shown_as_it_is
shop_done
