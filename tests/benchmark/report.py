#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the table of tests/benchmark/run.sh from its cells: report.py CELLS.jsonl

Rows compare medians; least and most are of the ratios of the single rounds. Exit status: 0 all goals that were measured are
reached, 1 not all.
"""
import json
import statistics
import sys

QUIET = 0.25  # of a core that others may use in a cell


class Cells:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.all = [json.loads(line) for line in file]

    def of(self, who, row):
        """Those that were disturbed are left out, if there are three others."""
        found = [cell for cell in self.all if (cell["who"], cell["row"]) == (who, row)]
        quiet = [cell for cell in found if cell.get("others", 0) <= QUIET]
        return quiet if len(quiet) >= 3 else found

    def values(self, who, row, of):
        """By round."""
        return {cell["round"]: of(cell) for cell in self.of(who, row)}

    def list(self, row, of):
        return [of(cell) for cell in self.of("ours", row)]


def rate(cell):
    return cell["perSecond"]


def cpu(cell):
    return sum(cell["cpuUs"].values())


def p50(cell):
    return cell["latencyMs"]["p50"]


class Table:
    def __init__(self):
        self.rows = []

    def ratio(self, name, ours, others, goal, least):
        """`least`: the ratio must be at least the goal, else at most."""
        if not ours or not others:
            self.rows.append((name, None))
            return
        one, other = statistics.median(ours.values()), statistics.median(others.values())
        pairs = [ours[at] / others[at] for at in ours if at in others] or [one / other]
        self.rows.append((name, (one, other, one / other, min(pairs), max(pairs), goal, least)))

    def value(self, name, values, goal):
        if not values:
            self.rows.append((name, None))
            return
        self.rows.append((name, (statistics.median(values), None, statistics.median(values), min(values), max(values), goal, False)))

    def reached(self, row):
        _, _, middle, _, _, goal, least = row
        return middle >= goal if least else middle <= goal

    def show(self):
        print(f"{'':5} {'goal':58} {'ours':>9} {'other':>9} {'ratio':>7} {'least':>7} {'most':>7}  wanted")
        for name, row in self.rows:
            if row is None:
                print(f"{'-':5} {name:58} not measured")
                continue
            ours, other, middle, low, high, goal, least = row
            other = "" if other is None else f"{other:.4g}"
            print(f"{'ok' if self.reached(row) else 'SHORT':5} {name:58} {ours:9.4g} {other:>9} {middle:7.2f} {low:7.2f} {high:7.2f}  "
                  f"{'>=' if least else '<='} {goal}")

    def count(self):
        measured = [row for _, row in self.rows if row]
        return sum(self.reached(row) for row in measured), len(measured)


def fill(table, cells):
    echo = cells.values("echo", "echo", rate)
    echo_beside_whole = cells.values("echo", "whole_echo", rate)
    sustained = cells.values("ours", "whole_delivered", rate)
    for row, name, cpu_goal, rate_goal in (("get", "GetCustomer", 0.85, None), ("create_customer", "CreateCustomer", 0.7, 1.5),
                                           ("create_order", "CreateOrder of 3, without crm, billing, mail", 0.65, 1.8)):
        table.ratio(f"{name}: CPU / peer", cells.values("ours", row, cpu), cells.values("peer", row, cpu), cpu_goal, False)
        if rate_goal:
            table.ratio(f"{name}: rate / peer", cells.values("ours", row, rate), cells.values("peer", row, rate), rate_goal, True)
    table.ratio("GetCustomer: rate / echo", cells.values("ours", "get", rate), echo, 0.70, True)
    table.ratio("whole shop, mails delivered: orders a second / echo", sustained, echo_beside_whole, 0.08, True)
    table.ratio("whole shop, mails delivered / peer's bare order path", sustained, cells.values("peer", "create_order", rate), 1.0, True)
    for row, name, goal in (("mails_half", "half rate", 25), ("mails_whole", "saturated", 150)):
        table.value(f"order recorded -> both mails recorded, p99 ms, {name}",
                    cells.list(row, lambda cell: cell["mailsByLogTimeMs"]["p99"]), goal)
    table.ratio("CPU of an order: half rate / saturated", cells.values("ours", "half_delivered", lambda cell: cell["cpuUs"]),
                cells.values("ours", "whole_delivered", lambda cell: cell["cpuUs"]), 1.2, False)
    table.ratio("crm catching up: events a second / bare XREADGROUP + XACK", cells.values("ours", "catch_up", rate),
                cells.values("ours", "catch_up", lambda cell: cell["bare"]), 0.30, True)
    for row, name, goal in (("create_customer", "CreateCustomer", 0.8), ("create_order", "CreateOrder", 0.7)):
        table.ratio(f"{name}: p50 ms with one in flight / peer", cells.values("ours", row + "_alone", p50),
                    cells.values("peer", row + "_alone", p50), goal, False)
    rss = cells.list("rss", lambda cell: cell["mb"])
    table.value("largest RSS of a service at the end, MB", [max(rss)] if rss else [], 25)
    start = cells.list("start", lambda cell: cell["ms"])
    table.value("slowest start to SERVING, ms", [max(start)] if start else [], 100)
    table.ratio("CreateOrder in a large shop / in a small one", cells.values("ours", "large", rate),
                cells.values("ours", "create_order", rate), 0.90, True)


def tell_of_the_run(cells):
    load = {}
    for cell in cells.all:
        if "generatorCpuUs" in cell:
            load.setdefault((cell["who"], cell["row"]), []).append(cell["generatorCpuUs"])
    print("\nCPU of the load generator a call, us: " +
          ", ".join(f"{who} {row} {statistics.median(values):.1f}" for (who, row), values in load.items()))
    others = [cell["others"] for cell in cells.all if "others" in cell]
    failures = sum(cell.get("failures", 0) for cell in cells.all)
    again = sum(cell.get("tries", 1) > 1 for cell in cells.all)
    print(f"{failures} calls failed; others used {100 * statistics.median(others):.0f} % of a core (most: {100 * max(others):.0f} %); "
          f"{again} of {len(others)} cells were measured again for that")


def main():
    cells = Cells(sys.argv[1])
    table = Table()
    fill(table, cells)
    table.show()
    tell_of_the_run(cells)
    reached, measured = table.count()
    print(f"{reached} of {measured} goals reached, {len(table.rows) - measured} not measured")
    return 0 if reached == measured else 1


if __name__ == "__main__":
    sys.exit(main())
