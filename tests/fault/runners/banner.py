#!/usr/bin/env python3
"""Greets on standard output before it speaks the protocol."""
import sys

from honest import Runner

print("Made-up SDK 4.2 (c) nobody. Device 0 ready.")
sys.stdout.flush()
Runner().serve()
