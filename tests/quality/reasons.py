#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reasons of errors are objects (services/runtime/base/reason.h): nothing decides by their text, and nobody makes one of a
literal. Texts that arrive from outside become objects in rpc/error_details.c and redis/redis_reply.c."""

import os
import pathlib
import re
import sys

ROOT = pathlib.Path(os.environ["ORDERSHOP_SOURCE"])

# a comparison with a status' reason, or a search in its message, also over several lines
BY_TEXT = re.compile(r"\b(?:(?:strn?(?:case)?cmp|memcmp)\((?:[^();{]|\([^();]*\))*?\bstatus_reason\(|strstr\([^;{]*?\bstatus\.message\b)")
# the reason of status_error(arena, code, reason, ...) and violation_status(arena, reason, ...) as a literal
MADE = re.compile(r"\b(?:status_error|violation_status)\((?:[^\"();]|\([^();]*\))*\"[A-Z][A-Z_]+\"")
# the reason of a type (reason_not_found, reason_already_exists) as a literal
OF_TYPE = re.compile(r"\"[A-Z_]*_(?:NOT_FOUND|ALREADY_EXISTS)\"")


def sources():
    for folder in ("services", "client"):
        yield from sorted((ROOT / folder).rglob("*.[ch]"))


def places(pattern):
    found = []
    for path in sources():
        text = path.read_text()
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{path.relative_to(ROOT)}:{line}: {match.group(0).splitlines()[0]}")
    return found


def check(sentence, found):
    print(("FAILED: " if found else "passed: ") + sentence)
    for place in found:
        print("  | " + place)
    return not found


results = [
    check("nothing decides by the text of a reason or of a message", places(BY_TEXT)),
    check("no error is made with a reason that is a literal", places(MADE)),
    check("the reason of a type is made in services/runtime/base/reason.c alone",
          [place for place in places(OF_TYPE) if not place.startswith("services/runtime/base/reason.c:")]),
]
print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
sys.exit(0 if all(results) else 1)
