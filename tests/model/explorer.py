# SPDX-License-Identifier: Apache-2.0
"""Explores every interleaving of a protocol's model, breadth first.

A model is a module with SCENARIOS (name -> processes), WEAKENINGS (names of rules that can be left out), first(processes),
next_states(state, processes, weakening) and violation(state), which tells what is wrong or None. States are hashable.
"""
import os
import sys
from collections import deque


def explore(model, processes, weakening):
    """Answers the number of states, and what is wrong in which state, or None twice."""
    first = model.first(processes)
    known, todo = {first}, deque([first])
    while todo:
        state = todo.popleft()
        wrong = model.violation(state)
        if wrong:
            return len(known), wrong, state
        for following in model.next_states(state, processes, weakening):
            if following not in known:
                known.add(following)
                todo.append(following)
    return len(known), None, None


def find_violation(model, weakening, tell):
    """Explores the scenarios; with a weakening only until it is caught."""
    caught = False
    for name, processes in model.SCENARIOS.items():
        count, wrong, state = explore(model, processes, weakening)
        tell(f"  {name}: {count} states, {f'{wrong}: {state}' if wrong else 'holds'}")
        caught = caught or wrong is not None
        if caught and weakening:
            break
    return caught


def check(model):
    """The test: the protocol holds, and without any one of its rules it doesn't. Exits."""
    if os.environ.get("ORDERSHOP_TEST_SLOWNESS", "1") != "1":
        print("not applicable: a model has nothing that sanitizers see")
        sys.exit(77)
    failed = 0
    for weakening in [None] + model.WEAKENINGS:
        print(f"without {weakening}:" if weakening else "the protocol:", flush=True)
        if find_violation(model, weakening, print) != (weakening is not None):
            failed += 1
            print("  FAILED: " + ("nothing is caught" if weakening else "it does not hold"))
    print(f"{1 + len(model.WEAKENINGS) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
