#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of documents, taken from their text, so that no document tells what does not work.

  documented_commands.py run TAG [--set OLD=NEW ...] FILE...
  documented_commands.py print TAG FILE...
  documented_commands.py tags FILE...

A block of commands is a fenced block of `console` (commands begin with `$ `, what follows is their output) or `sh` (all
of it is commands), or an indented block. A comment before it says who runs it:

  <!-- run: local -->            the suite that asks for the tag `local`
  <!-- run: local, fails -->     its commands end with a status other than 0

`run` runs all blocks of the tag, file by file, in one shell, so variables and folders stay. What a document says of the
output must come, line by line: ids, times and numbers may be others, `...` stands for anything, a line `...` for any
lines. A command of the shop that only shows something is tried again for a while: what it shows may follow from the command
before it, but happens a moment later. --set replaces text in commands and outputs before: ports and folders of the test
instead of the default ones.
A line a command; the last line of the output is `N passed, N failed`. Exit status 1 when something failed.
`print` prints them, for a test that runs them elsewhere; fails if there are none.
`tags` prints `FILE:LINE TAG` for each block of commands, TAG being `none` where no comment says who runs it.
"""

import os
import re
import subprocess
import sys
import tempfile
import time

SHOWS = re.compile(r"ordershop (events|status|crm profile|[a-z]+ (list|get))\b")
SHOWS_WITHIN, PAUSE = 20, 0.2  # seconds
TAG = re.compile(r"<!-- run: (?P<tag>[a-z.-]+)(?P<fails>, fails)? -->$")
MASKS = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z", "TIME"),
    (r"[0-9]+([.,:][0-9]+)*", "N"),
    (r"\s+", " "),
)


class Block:
    def __init__(self, path, line, kind, tag, fails):
        self.path, self.line, self.kind, self.tag, self.fails = path, line, kind, tag, fails
        self.lines = []


def read_blocks(path):
    """All blocks of commands in a document, tagged or not."""
    blocks, tag, block, fence = [], None, None, None
    with open(path, encoding="utf-8") as document:
        for number, raw in enumerate(document, 1):
            line = raw.rstrip("\n")
            if fence is not None:
                if line.strip() == "```":
                    fence = block = None
                elif block:
                    block.lines.append((number, line[fence:]))
                continue
            found = TAG.match(line.strip())
            if found:
                tag = found
                continue
            opened = re.match(r"( *)```(\w*)$", line)
            indented = line.startswith("    ") and not opened
            if opened:
                fence = len(opened[1])
                block = new_block(blocks, path, number, opened[2], tag) if opened[2] in ("console", "sh") else None
                tag = None
            elif indented and (block or follows_blank):
                block = block or new_block(blocks, path, number, "sh", tag)
                block.lines.append((number, line[4:]))
                tag = None
            elif line.strip():
                block = tag = None
            follows_blank = not line.strip() or bool(found) or (indented and block is not None)
    return blocks


def new_block(blocks, path, number, kind, tag):
    block = Block(path, number, kind, tag["tag"] if tag else "none", bool(tag and tag["fails"]))
    blocks.append(block)
    return block


def commands_of(block):
    """[line, command, lines of output] of a block, in order; a command goes on after a backslash."""
    commands, goes_on = [], False
    for number, line in block.lines:
        if goes_on:
            commands[-1][1] += "\n" + line
        elif block.kind == "console" and not line.startswith("$ "):
            if commands:
                commands[-1][2].append(line)
            continue
        elif line.strip() and not line.startswith("#"):
            commands.append([number, line[2:] if block.kind == "console" else line, []])
        else:
            continue
        goes_on = line.endswith("\\")
    return commands


def masked(line):
    for pattern, mask in MASKS:
        line = re.sub(pattern, mask, line)
    return line.strip()


def expression_of(line):
    return "^" + ".*".join(re.escape(masked(part)) for part in line.split("...")) + "$"


def missing_line(expected, output):
    """The first documented line that did not come in its place; None when all did."""
    lines = [masked(line) for line in output.splitlines()]
    at, free = 0, False
    for line in expected:
        if line.strip() == "...":
            free = True
            continue
        if not line.strip():
            continue
        matches = [i for i in range(at, len(lines)) if lines[i]]
        candidates = matches if free else matches[:1]
        hit = next((i for i in candidates if re.match(expression_of(line), lines[i])), None)
        if hit is None:
            return line
        at, free = hit + 1, False
    return None


class Shell:
    """One bash for all commands; each answers with its exit status on a pipe of its own."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        read_end, write_end = os.pipe()
        self.bash = subprocess.Popen(
            ["bash", "--norc"], stdin=subprocess.PIPE, pass_fds=(write_end,), text=True, encoding="utf-8"
        )
        os.close(write_end)
        self.status_fd, self.statuses = write_end, os.fdopen(read_end)

    def run(self, command):
        """Exit status and output; status None when the shell itself has ended."""
        script, log = (os.path.join(self.folder.name, name) for name in ("command", "output"))
        with open(script, "w", encoding="utf-8") as file:
            file.write(command + "\n")
        self.bash.stdin.write(f". {script} >{log} 2>&1 </dev/null; echo $? >&{self.status_fd}\n")
        self.bash.stdin.flush()
        answer = self.statuses.readline()
        with open(log, encoding="utf-8", errors="replace") as file:
            return int(answer) if answer else None, file.read()

    def end(self):
        self.bash.stdin.close()
        self.bash.wait()
        self.folder.cleanup()


def verdict_of(block, status, expected, output):
    """Why the command failed; None when it did what the document says."""
    if status is None:
        return "ended the shell"
    if (status != 0) != block.fails:
        return f"exit status {status}"
    missing = missing_line(expected, output)
    return None if missing is None else f"did not print: {missing}"


def verdict_in_time(shell, block, command, expected):
    """The verdict of a command, and what it printed last."""
    end = time.monotonic() + (SHOWS_WITHIN if SHOWS.match(command) else 0)
    while True:
        status, output = shell.run(command)
        why = verdict_of(block, status, expected, output)
        if not why or status is None or time.monotonic() > end:
            return why, output
        time.sleep(PAUSE)


def run(tag, replacements, paths):
    passed = failed = 0
    shell = Shell()
    for path in paths:
        for block in read_blocks(path):
            if block.tag != tag:
                continue
            for number, command, expected in commands_of(block):
                text = "\n".join([command, *expected])
                for old, new in replacements:
                    text = text.replace(old, new)
                count = command.count("\n") + 1
                command, expected = "\n".join(text.split("\n")[:count]), text.split("\n")[count:]
                why, output = verdict_in_time(shell, block, command, expected)
                print(f"{'FAILED' if why else 'passed'}: {os.path.basename(path)}:{number}: {command.splitlines()[0]}")
                if why:
                    failed += 1
                    print(f"  {why}; it printed:")
                    print("".join(f"  | {line}\n" for line in output.splitlines()[-40:]), end="")
                else:
                    passed += 1
                sys.stdout.flush()
    shell.end()
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


def print_commands(tag, paths):
    blocks = [block for path in paths for block in read_blocks(path) if block.tag == tag]
    commands = [command for block in blocks for _, command, _ in commands_of(block)]
    print("\n".join(commands))
    return 0 if commands else 1


def main(arguments):
    if len(arguments) >= 2 and arguments[0] == "tags":
        for path in arguments[1:]:
            for block in read_blocks(path):
                print(f"{path}:{block.line} {block.tag}")
        return 0
    if len(arguments) >= 3 and arguments[0] == "print":
        return print_commands(arguments[1], arguments[2:])
    if len(arguments) < 3 or arguments[0] != "run":
        print(__doc__)
        return 2
    tag, rest, replacements = arguments[1], arguments[2:], []
    while rest and rest[0] == "--set":
        replacements.append(rest[1].split("=", 1))
        rest = rest[2:]
    return run(tag, replacements, rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
