#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The model consumer_terms.py holds, and each of its weakenings is caught."""
import sys

sys.dont_write_bytecode = True  # nothing is left in the source tree
import explorer
import consumer_terms

explorer.check(consumer_terms)
