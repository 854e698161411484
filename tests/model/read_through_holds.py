#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The model read_through.py holds, and each of its weakenings is caught."""
import sys

sys.dont_write_bytecode = True  # nothing is left in the source tree
import explorer
import read_through

explorer.check(read_through)
