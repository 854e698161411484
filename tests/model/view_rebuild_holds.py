#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The model view_rebuild.py holds, and each of its weakenings is caught."""
import sys

sys.dont_write_bytecode = True  # nothing is left in the source tree
import explorer
import view_rebuild

explorer.check(view_rebuild)
