#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What documents and comments refer to exists: files and folders of the tree, headings, tests.

Looks at the text of documents, in code spans and tables too, and at the comments of sources and configuration. A file is
named by its path from the root, services/runtime, proto, deploy/kubernetes or the folder of the file that names it, or by
its name alone; `<name>`, `NAME` and `*` in it stand for anything. Links are looked at by documents.sh.
"""

import fnmatch
import os
import re
import subprocess
import sys

ROOT = os.environ.get("ORDERSHOP_SOURCE", os.getcwd())

# Documents that were once outside the tree.
GONE = re.compile(r"\b(PROTOCOLS|REDIS-STREAMS|DESIGN\.md|CHARTER)\b|agreed design")

FILE = re.compile(r"(?<![\w./~$<>{}*@-])[\w.<>*-]*(?:/[\w.<>*@-]+)*\.(?:acl|c|cmake|conf|h|lua|md|pl|proto|py|sh|yaml)\b(?![\w/(-])")
FOLDER = re.compile(r"(?<![\w./~$<>{}*-])(?:\.ci|client|cmake|deploy|docs|gen|proto|services|tests)/[\w./<>*-]*[\w>*/]")
HEADING = re.compile(r"\b(README|[a-z_]+\.md), \"([^\"]+)\"")
TEST = re.compile(r"\b[a-z_]+_test\b")

COMMENTS = {
    ".dox": r"/\*.*?\*/",
    ".c": r"/\*.*?\*/",
    ".h": r"/\*.*?\*/",
    ".lua": r"--[^\n]*",
    ".py": r'(?ms)^[ \t]*#[^\n]*|^[ \t]*r?""".*?"""',  # and docstrings
    ".proto": r"//[^\n]*",
}
HASH_COMMENTS = r"(?m)^\s*#[^\n]*"

# What is not of the tree: sources of other software, what is made when something is built or runs, names of certificates
# and of Kubernetes' objects, and the service that the guide to writing one makes.
FOREIGN = re.compile(
    r"""(FOLDER|src/core|/).*|(.*/)?note[_.a-z]*|services/note/.*|.*/secrets(/.*)?
    |client/(SOMEBODY|ada|local|operator)|deploy/client
    |google/(api|rpc|protobuf)/[a-z]+\.proto|wrappers\.proto|every-service\.yaml|OrderShopTargets\.cmake|descriptor\.proto|google/protobuf/descriptor\.proto|(replication|redis|sentinel|nodes)\.conf
    |(function|replication|script)\.c|uv\.h""",
    re.VERBOSE,
)


def tracked_files():
    try:
        out = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        return [name for name in out.decode().split("\0") if name and os.path.exists(os.path.join(ROOT, name))]
    except (OSError, subprocess.CalledProcessError):
        found = []
        for folder, folders, names in os.walk(ROOT):
            folders[:] = [name for name in folders if not name.startswith("build") and name != ".git"]
            found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names]
        return found


def referring_text(name, text):
    """The parts of a file that refer to others, with what stands between them blanked out, so that lines can be counted."""
    if name.endswith(".md"):
        return re.sub(r"```.*?```|https?://\S+", lambda found: re.sub(r"[^\n]", " ", found[0]), text, flags=re.DOTALL)
    pattern = COMMENTS.get(os.path.splitext(name)[1], HASH_COMMENTS)
    kept, at = [], 0
    for found in re.finditer(pattern, text, re.DOTALL if pattern.startswith("/") else 0):
        kept += [re.sub(r"[^\n]", " ", text[at : found.start()]), found[0]]
        at = found.end()
    return re.sub(r"https?://\S+", "", "".join(kept))


class Tree:
    def __init__(self, files):
        self.files = set(files)
        self.names = {os.path.basename(file) for file in files}
        self.folders = {folder for file in files for folder in self.parents(file)}
        self.tests = {os.path.splitext(name)[0] for name in self.names if name.endswith("_test.c")}

    @staticmethod
    def parents(file):
        while file:
            file = os.path.dirname(file)
            yield file

    def has(self, name, beside):
        """Whether a path or name, perhaps with placeholders, is that of a file or folder."""
        pattern = re.sub(r"<[^>]*>|\bNAME\b", "*", name.rstrip("/")).removeprefix("./")
        if "/" not in pattern:
            return any(fnmatch.fnmatchcase(known, pattern) for known in self.names)
        bases = ("", "services/runtime/", "proto/", "deploy/kubernetes/", beside + "/")
        paths = [os.path.normpath(base + pattern) for base in bases]
        if any(path in self.folders or path in self.files for path in paths):
            return True
        return any(fnmatch.fnmatchcase(known, path) for path in paths for known in (*self.files, *self.folders))


def headings_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return set(re.findall(r"^#+ (.*)$", file.read(), re.MULTILINE))


def is_foreign(name):
    """Also what is no name but a pattern of names or an ending."""
    return FOREIGN.fullmatch(name) is not None or name.startswith(("<", "*", "."))


def faults_of(tree, name, text):
    """(position, what is wrong) for each reference that leads nowhere."""
    beside = os.path.dirname(name)
    for found in GONE.finditer(text):
        yield found.start(), f"{found[0]}: not in the tree"
    for found in FILE.finditer(text):
        if not is_foreign(found[0]) and not tree.has(found[0], beside):
            yield found.start(), f"{found[0]}: there is no such file"
    for found in FOLDER.finditer(text):
        if not is_foreign(found[0]) and not tree.has(found[0], beside):
            yield found.start(), f"{found[0]}: there is no such file or folder"
    for found in HEADING.finditer(text):
        documents = [file for file in tree.files if os.path.basename(file).removesuffix(".md") == found[1].removesuffix(".md")]
        if not any(found[2] in headings_of(document) for document in documents):
            yield found.start(), f"{found[0]}: there is no such heading"
    if name.endswith(".md"):
        for found in TEST.finditer(text):
            if found[0] not in tree.tests:
                yield found.start(), f"{found[0]}: there is no such test"


def main():
    tree = Tree(tracked_files())
    count = faults = 0
    for name in sorted(tree.files):
        if re.search(r"\.pb-c\.[ch]$", name) or name == "CHANGELOG.md" or os.path.basename(name) == os.path.basename(__file__):
            continue
        try:
            with open(os.path.join(ROOT, name), encoding="utf-8") as file:
                text = referring_text(name, file.read())
        except UnicodeDecodeError:
            continue
        count += 1
        for at, fault in faults_of(tree, name, text):
            print(f"{name}:{text.count(chr(10), 0, at) + 1}: {fault}")
            faults += 1
    print(f"{count} files were read, {faults} references lead nowhere")
    return 0 if count > 500 and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
