#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Doxygen's filter for our headers: turns their comments, which are prose for readers of the source, into Doxygen's.

  doxygen_comments.py HEADER     prints the header with Doxygen's comments

- The comment at the top describes the file.
- A comment on lines of its own describes the declaration below it. Functions without a comment of their own share the
  one at the top of their paragraph (what stands together without an empty line). A comment above an empty line describes
  nothing.
- A comment behind a declaration describes that.
- Comments inside functions stay as they are, and the license's line goes.
- Text in backticks is code, and so are lines that are indented by three spaces or more. Everything else is plain text:
  no character of it is a command of Doxygen.
"""

import re
import sys

TOKEN = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"' r"|'(?:\\.|[^'\\\n])*'|[{}\n]", re.DOTALL)
# A declaration of a function, or of a function's type, without a comment behind it.
FUNCTION = re.compile(r"[a-z][^\n;{}]*\([^;{}]*;(?![ \t]*/\*)")
LICENSE = "/* SPDX-License-Identifier:"


def escape(text):
    return re.sub(r'[\\@&<>#%"]|--|::', lambda found: "\\" + found[0], text)


def prose(line):
    """A line of text: what stands in backticks is code."""
    parts = line.split("`")
    if len(parts) % 2 == 0:
        return escape(line)
    return "".join(f"<code>{escape(part)}</code>" if i % 2 else escape(part) for i, part in enumerate(parts))


def text_of(comment):
    """The text of a comment, as Doxygen is to read it."""
    first, *others = comment[2:-2].split("\n")
    lines = [first.strip()] + [re.sub(r"^\s*\* ?|^\s+", "", line).rstrip() for line in others]
    out, in_code = [], False
    for line in lines:
        is_code = re.match(r" {3,}(?!- )", line) is not None
        if is_code != in_code:
            out.append("@verbatim" if is_code else "@endverbatim")
        in_code = is_code
        out.append(line if is_code else prose(line.strip()))
    if in_code:
        out.append("@endverbatim")
    return "\n".join(out).strip()


class Header:
    """A header on its way: what has been written, and where in the source that is."""

    def __init__(self):
        self.out = []
        self.line = ""  # of the source, what has been read of it, without comments
        self.top = None  # text of the comment at the top of the paragraph
        self.begins = True  # nothing of the paragraph has been read
        self.braces = []  # what is open: "function" or "type"
        self.statement = ""  # code since the last one that has ended

    def in_function(self):
        return "function" in self.braces

    def comment(self, comment, follows):
        if comment.startswith(LICENSE):
            return
        if self.in_function():
            self.out.append(comment)
        elif self.line.strip():
            self.out.append("/**< " + text_of(comment) + " */")
        elif re.match(r"[ \t]*\n[ \t]*\S", follows):
            text = text_of(comment)
            if self.begins:
                self.top = text
            self.out.append("/** " + text + " */")
        self.begins = False

    def code(self, code):
        self.out.append(code)
        self.line += code
        self.begins = self.begins and not code.strip()
        self.statement += code
        if code == "{":
            is_function = self.statement.rstrip("{").rstrip().endswith(")")
            self.braces.append("function" if is_function else "type")
            self.statement = ""
        elif code == "}" and self.braces:
            self.braces.pop()
            self.statement = ""

    def end_of_line(self, rest):
        """`rest` is the source behind the end of this line."""
        self.out.append("\n")
        self.line = ""
        if re.search(r";\s*$|^\s*#.*[^\\]$", self.statement):
            self.statement = ""
        if rest.startswith("\n"):
            self.top, self.begins = None, True
        elif self.top and not self.statement.strip() and not self.braces and FUNCTION.match(rest):
            if not self.out[-2].startswith("/**") or self.out[-2].startswith("/**<"):
                self.out.append("/** " + self.top + " */\n")


def convert(source):
    header, at = Header(), 0
    while at < len(source):
        found = TOKEN.search(source, at)
        if not found:
            header.code(source[at:])
            break
        if found.start() > at:
            header.code(source[at : found.start()])
        token, at = found[0], found.end()
        if token.startswith("/*"):
            header.comment(token, source[at:])
        elif token == "\n":
            header.end_of_line(source[at:])
        else:
            header.code(token)
    return "".join(header.out)


def main(arguments):
    if len(arguments) != 1:
        print(__doc__)
        return 2
    with open(arguments[0], encoding="utf-8") as file:
        source = file.read()
    top = re.match(rf"(?:{re.escape(LICENSE)}[^\n]*\n)?(/\*.*?\*/)\n", source, re.DOTALL)
    if top:
        sys.stdout.write("/** @file\n" + text_of(top[1]) + " */\n\n")
        source = source[top.end() :]
    sys.stdout.write(convert(source))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
