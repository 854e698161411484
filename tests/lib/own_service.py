#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds to a skeleton what docs/own_service.md adds: its blocks that are marked `<!-- own: NAME -->`.

own_service.py tree FOLDER      events of customers and mails, to the service note of the tree FOLDER
own_service.py outside FOLDER   the same, to one of the brand coupon in FOLDER, with a test that starts services of the shop
own_service.py command FOLDER   the command TitleNote, to the service of the tree that `tree` has made
"""
import os
import re
import sys

DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/own_service.md")


def edit(path, *edits):
    """Replaces the first match of each pattern; in a replacement, @@ is what was matched."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for pattern, replacement in edits:
        text, count = re.subn(pattern, lambda match: replacement.replace("@@", match.group(0)), text, count=1, flags=re.M)
        if count != 1:
            sys.exit(f"{path} has nothing that matches {pattern}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def add_events(path, part):
    edit(
        path,
        (r"^#include <\w+/v1/note", part["headers"] + "@@"),
        (r"^/\* --- the service --- ", part["handler"] + "\n@@"),
        (r"^};\n\nstatic const struct service_definition", part["subscription"] + "@@"),
        (r"^    \.descriptor_set = ", part["definition"] + "@@"),
    )


def add_in_tree(folder, part):
    add_events(f"{folder}/services/note/note_service.c", part)
    edit(f"{folder}/deploy/services.txt", (r"^note .*\n", part["row"]))


def add_outside(folder, part):
    own = dict(part)
    own["headers"] = part["headers"].replace('#include "shop_mail.h"', '#include "shop_brand.h"\n#include "shop_mail.h"')
    own["handler"] = part["handler"].replace("Ordershop__V1__Note", "Note__V1__Note")
    own["handler"] = own["handler"].replace("ORDERSHOP__V1__NOTE", "NOTE__V1__NOTE")
    own["definition"] = part["outside_peers"] + re.sub(r"    \.peers.*\n", "", part["definition"])
    add_events(f"{folder}/note_service.c", own)
    edit(f"{folder}/coupon_brand.h", ('"coupon_clock"', '"ordershop_clock"'))
    edit(
        f"{folder}/note_test.sh",
        (" --clock coupon_clock", ""),
        ("--reads note$", "--reads note,customer"),
        ("^start note .*\n", part["outside_start"] + "@@" + part["outside_mail"]),
    )


def add_command(folder, part):
    edit(
        f"{folder}/proto/ordershop/v1/note.proto",
        ("^  // How many notes were ever", part["command_rpc"] + "@@"),
        (r"^// Request of GetNoteCount\.", part["command_message"] + "@@"),
    )
    calls = re.search(r"    \.calls.*\n", part["peers"]).group(0)
    edit(
        f"{folder}/services/note/note_service.c",
        ('^#include "service/entity_command.h"', part["command_headers"] + "@@"),
        (r"^/\* --- the service --- ", part["calls"] + "\n" + part["command"] + "@@"),
        (r'^    {\.name = "GetNoteCount"', part["command_row"] + "@@"),
        (r"^    \.peers = .*\n", part["two_peers"] + calls),
    )
    edit(f"{folder}/deploy/services.txt", (" mail          +keeps notes$", " customer,mail keeps notes"))


def main():
    what, folder = sys.argv[1:]
    with open(DOCUMENT, encoding="utf-8") as file:
        part = dict(re.findall(r"<!-- own: (\w+) -->\n```\w*\n(.*?)```", file.read(), re.S))
    {"tree": add_in_tree, "outside": add_outside, "command": add_command}[what](folder, part)


main()
