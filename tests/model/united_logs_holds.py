#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The model united_logs.py holds, and each of its weakenings is caught."""
import sys

sys.dont_write_bytecode = True  # nothing is left in the source tree
import explorer
import united_logs

explorer.check(united_logs)
