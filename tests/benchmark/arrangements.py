#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares where Redis is. Shops that are alike but for that are called in turn, and nothing is measured before the last
mail of the orders is sent. Prints for each: orders a second while CreateOrder is called (of three products, 64 in flight)
and until everything is done; microseconds of CPU of all services and of all Redis processes an order, and of the busiest
Redis thread, which is where an arrangement ends however many machines there are. Ratios are to the first, round by round:
median, least to most.

  one        one Redis
  seven      a Redis for each service that owns something
  replica    one Redis with a replica, and ORDERSHOP_REDIS_REPLICAS=1: an answer waits until the replica has it
  tls        one Redis that is spoken to by TLS, with certificates on both sides
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ARRANGEMENTS = ("one", "seven", "replica", "tls")


class Shop:
    def __init__(self, arrangement, binaries):
        environment = os.environ | {"ORDERSHOP_SOURCE": str(ROOT), "ORDERSHOP_BIN": str(binaries)}
        self.process = subprocess.Popen([ROOT / "tests/benchmark/arrangement_shop.sh", arrangement], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self.arrangement = arrangement
        self.rounds = []
        self.answer("ready")

    def answer(self, begin=""):
        line = self.process.stdout.readline().strip()
        if not line or not line.startswith(begin):
            sys.exit(f"{self.arrangement}: {line}\n{self.process.stdout.read()}"[:2000])
        return line

    def measure(self, seconds):
        print(seconds, file=self.process.stdin, flush=True)
        before, called, after = ({name: int(value) for name, value in (pair.split("=") for pair in part.split())}
                                 for part in self.answer().split("|"))
        self.rounds.append(figures({name: after[name] - before[name] for name in after}, called))

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def figures(cpu, called):
    orders = called["calls"]
    threads = {name: used for name, used in cpu.items() if name.startswith("thread-of-")}
    redises = sum(used for name, used in cpu.items() if name.startswith("redis"))
    services = sum(cpu.values()) - redises - sum(threads.values())
    return {
        "orders a second, called": orders / called["seconds"],
        "orders a second, all done": orders / (called["seconds"] + called["more_us"] / 1e6),
        "services, us of CPU": services / orders,
        "all Redis, us of CPU": redises / orders,
        "busiest Redis thread, us": max(threads.values()) / orders,
        "_threads": {name.removeprefix("thread-of-"): used / orders for name, used in threads.items()},
    }


def compare(shop, first, row):
    median = statistics.median(own[row] for own in shop.rounds)
    if shop is first:
        return f"{median:.0f}"
    ratios = [own[row] / other[row] for own, other in zip(shop.rounds, first.rounds)]
    return f"{median:.0f} x {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def report(shops):
    first = shops[0]
    print(" " * 28 + "".join(f"{shop.arrangement:>29}" for shop in shops))
    for row in (name for name in first.rounds[0] if not name.startswith("_")):
        print(f"{row:28}" + "".join(f"{compare(shop, first, row):>29}" for shop in shops))
    for shop in shops:
        threads = {name: statistics.median(own["_threads"][name] for own in shop.rounds) for name in shop.rounds[0]["_threads"]}
        print(f"Redis threads of {shop.arrangement}, us:", ", ".join(f"{name} {used:.0f}" for name, used in sorted(threads.items())))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of calls in a round")
    parser.add_argument("bin", nargs="?", default=ROOT / "build/bin", type=pathlib.Path,
                        help="folder of the executables; not a test build: fail points cost time")
    options = parser.parse_args()
    shops = [Shop(arrangement, options.bin.resolve()) for arrangement in ARRANGEMENTS]
    for number in range(options.rounds):
        for shop in shops:
            shop.measure(options.seconds)
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    report(shops)
    for shop in shops:
        shop.end()


main()
