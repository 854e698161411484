#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_acknowledged.py WRITERS CUSTOMERS ORDERS MAILS [OUTAGES]: is what was acknowledged there, and each mail made once?

WRITERS is what writer.sh printed, the others what `ordershop --json ... list --all` did. Every acknowledged customer and
order must be listed; each customer has one welcome and each order one thank-you and one request to pay; no two mails
have the same cause and subject. OUTAGES has a line for each time in which calls may be refused, `<begin> <end>` in seconds
since 1970: no call may be refused that began after and ended before all of them. Prints what it found; exit status 1 if
something is not so.
"""
import collections
import json
import sys

SUBJECTS_OF_ORDERS = ("Thank you for your order", "Please pay for your order")


def read_items(path, name):
    """The items of a listing: one document, or one for each page or item."""
    text, items, at = open(path, encoding="utf-8").read(), [], 0
    decoder = json.JSONDecoder()
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        document, at = decoder.raw_decode(text, at)
        items += document[name] if name in document else [document]
    return items


def read_outages(path):
    return [tuple(float(word) for word in line.split()) for line in open(path, encoding="utf-8")]


def longest_silence(ends):
    """The longest time between two acknowledgements, to whichever writer."""
    ends = sorted(ends)
    return max((after - before for before, after in zip(ends, ends[1:])), default=0)


def main(writers, customers, orders, mails, outages=None):
    acknowledged = {"customer": set(), "order": set()}
    orders_of, refused, ends, wrong = collections.Counter(), 0, [], []
    allowed = read_outages(outages) if outages else None
    for line in open(writers, encoding="utf-8"):
        words = line.split()
        began, ended = float(words[3]), float(words[4])
        if words[0] == "refused":
            refused += 1
            if allowed is not None and not any(began < end and ended > begin for begin, end in allowed):
                wrong.append(f"refused while there was a master: {line.strip()}")
            continue
        ends.append(ended)
        acknowledged[words[0]].add((words[1], words[2]))
    there = {
        "customer": {item["id"]: item for item in read_items(customers, "customers")},
        "order": {item["id"]: item for item in read_items(orders, "orders")},
    }
    lost = [(kind, key) for kind in there for key, _ in acknowledged[kind] if key not in there[kind]]

    # what is there although it was not acknowledged counts, too
    address_of = {key: item["email"] for key, item in there["customer"].items()}
    for order in there["order"].values():
        orders_of[address_of.get(order["customerId"])] += 1
    count, repeated = collections.Counter(), 0
    for mail in read_items(mails, "mails"):
        count[mail["to"], mail["subject"]] += 1
    causes = collections.Counter((mail["cause"], mail["subject"]) for mail in read_items(mails, "mails"))
    repeated = sum(1 for number in causes.values() if number > 1)

    for _, address in acknowledged["customer"]:
        if count[address, "Welcome to OrderShop"] != 1:
            wrong.append(f"{address}: {count[address, 'Welcome to OrderShop']} welcomes")
        for subject in SUBJECTS_OF_ORDERS:
            if count[address, subject] != orders_of[address]:
                wrong.append(f"{address}: {count[address, subject]} of '{subject}', {orders_of[address]} orders")
    print(
        f"{len(acknowledged['customer'])} customers and {len(acknowledged['order'])} orders acknowledged, "
        f"{refused} calls refused, {longest_silence(ends):.1f} s at most without an acknowledgement; {len(lost)} lost; "
        f"{len(causes)} mails, {repeated} made twice, {len(wrong)} wrong"
    )
    for line in [f"lost: {kind} {key}" for kind, key in lost][:5] + wrong[:5]:
        print("  " + line)
    return 1 if lost or repeated or wrong or not acknowledged["order"] else 0


sys.exit(main(*sys.argv[1:6]))
