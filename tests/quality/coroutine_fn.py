#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""That a function may yield shows in its declaration: coroutine_fn (services/runtime/loop/coroutine.h).

Who calls whom is read from the text of all C sources, laid out as clang-format leaves them: a function begins in the first
column and ends with a brace there. A function that calls one that is marked, or a member whose pointer is marked, must be
marked itself, in each of its declarations; one that is marked must have a reason to be. The loop's own functions, in which
yielding begins, are the reason of all others."""

import os
import pathlib
import re
import sys

ROOT = pathlib.Path(os.environ["ORDERSHOP_SOURCE"])
MARK = "coroutine_fn"
BEGINNINGS = {"coroutine_yield", "coroutine_yield_until"}
# Comments, texts and preprocessor lines say nothing of calls; line breaks stay.
NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^[ \t]*#(?:\\\n|[^\n])*', re.S | re.M)
# A declaration or the head of a definition, from the first column to its ; or {
HEAD = re.compile(r"^(?P<before>(?:[A-Za-z_]\w*[\s*]+)+?\**)(?P<name>\w+)\((?P<rest>[^;{}]*)\)(?P<attributes>[^;{}()=]*(?:\(\([^;{}]*\)\))?)\s*(?P<end>[;{])", re.M)
CALL = re.compile(r"(?P<access>->|\.)?\b(?P<name>[a-z_]\w*)\(")
POINTER = re.compile(r"(?P<mark>\bcoroutine_fn\s)?(?:\b(?:struct|enum|const|unsigned)\s+)*\b\w+[\s*]+(?:const\s+)?\(\*(?:const\s+)?(?P<name>\w+)(?:\[\w*\])?\)\(")
TYPE = re.compile(r"^typedef (?P<mark>coroutine_fn )?[^;{}]*?\b(?P<name>\w+)\([^;{}]*\);", re.M)
OF_TYPE = re.compile(r"\b(?P<type>\w+) \*(?:const )?(?P<name>\w+)\b")
ASSIGNED = re.compile(r"\.(?P<member>\w+) = &?(?P<name>[a-z_]\w*)\b(?!\()")
NOT_CALLS = {"if", "while", "for", "switch", "return", "sizeof", "defined", "__attribute__", "_Atomic", "offsetof"}


def blanked(text):
    return NOISE.sub(lambda match: "\n" * match.group(0).count("\n"), text)


class Function:
    """A declaration or a definition; `calls` are (line, name, through a member)."""

    def __init__(self, path, match, text):
        self.path, self.name = path, match.group("name")
        self.line = text.count("\n", 0, match.start()) + 1
        self.is_static = "static" in match.group("before").split()
        self.marked = MARK in match.group("before").split()
        self.is_definition = match.group("end") == "{"
        self.calls = []
        if not self.is_definition:
            return
        end = text.find("\n}", match.end())
        body = text[match.end() : end]
        for call in CALL.finditer(body):
            if call.group("name") not in NOT_CALLS:
                line = self.line + text.count("\n", match.start(), match.end() + call.start())
                self.calls.append((line, call.group("name"), bool(call.group("access"))))

    def place(self, line=None):
        return f"{self.path.relative_to(ROOT)}:{line or self.line}"


class Sources:
    def __init__(self):
        self.functions = []
        self.assigned = []  # (path, line, member, name) of what literals give to members
        self.members = {}  # name of a pointer -> whether all of that name are marked
        paths = [path for folder in ("services", "client") for path in sorted((ROOT / folder).rglob("*.[ch]"))]
        texts = {path: blanked(path.read_text()) for path in paths}
        self.types = {}  # name of a function's type -> whether it is marked
        for text in texts.values():
            for match in TYPE.finditer(text):
                self.types[match.group("name")] = bool(match.group("mark"))
        for path, text in texts.items():
            self.read(path, text)
        self.of_file = {}
        self.everywhere = {}
        for function in self.functions:
            if function.is_static:
                self.of_file.setdefault((function.path, function.name), []).append(function)
            else:
                self.everywhere.setdefault(function.name, []).append(function)

    def read(self, path, text):
        for match in HEAD.finditer(text):
            words = match.group("before").split()
            if words[0] not in ("return", "else", "typedef"):
                self.functions.append(Function(path, match, text))
        for match in ASSIGNED.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            self.assigned.append((path, line, match.group("member"), match.group("name")))
        for match in POINTER.finditer(text):
            name = match.group("name")
            self.members[name] = self.members.get(name, True) and bool(match.group("mark"))
        for match in OF_TYPE.finditer(text):
            if match.group("type") in self.types:
                name = match.group("name")
                self.members[name] = self.members.get(name, True) and self.types[match.group("type")]

    def same(self, function):
        """All declarations and definitions of that function."""
        if function.is_static:
            return self.of_file[(function.path, function.name)]
        return self.everywhere[function.name]

    def called(self, function, name):
        return self.of_file.get((function.path, name)) or self.everywhere.get(name) or []

    def given_to_unmarked(self):
        """Functions that may yield, in a literal, for a pointer that does not say so."""
        for path, line, member, name in self.assigned:
            functions = self.of_file.get((path, name)) or self.everywhere.get(name) or []
            if member in self.members and not self.members[member] and any(f.marked for f in functions):
                yield f"{path.relative_to(ROOT)}:{line}: .{member} = {name}"

    def yielding_calls(self, function):
        """Lines and names of what `function` calls that may yield."""
        for line, name, through_member in function.calls:
            if through_member or not self.called(function, name):
                if self.members.get(name):
                    yield line, name
            elif any(other.marked for other in self.called(function, name)):
                yield line, name


def main():
    sources = Sources()
    unmarked, differing, needless = [], [], []
    for function in sources.functions:
        calls = list(sources.yielding_calls(function))
        if calls and not function.marked:
            line, name = calls[0]
            unmarked.append(f"{function.place(line)}: {function.name} calls {name}, which may yield")
        if function.marked and any(not other.marked for other in sources.same(function)):
            differing.append(f"{function.place()}: {function.name}")
        if function.marked and function.is_definition and not calls and function.name not in BEGINNINGS:
            needless.append(f"{function.place()}: {function.name}")
    marked = sum(function.marked for function in sources.functions)
    results = [
        check("a function that calls one which may yield is marked coroutine_fn", unmarked),
        check("all declarations of a function have the same mark", differing),
        check("a function that is marked calls one that may yield", needless),
        check("a pointer that such a function is given to is marked", list(sources.given_to_unmarked())),
        check("hundreds of functions are marked", [] if marked > 300 else [f"{marked} are"]),
    ]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


def check(sentence, found):
    print(("FAILED: " if found else "passed: ") + sentence)
    for place in found:
        print("  | " + place)
    return not found


if __name__ == "__main__":
    sys.exit(main())
