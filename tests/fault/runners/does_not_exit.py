#!/usr/bin/env python3
"""Answers `shutdown` and stays, or exits with STATUS: does_not_exit.py [STATUS]."""
import signal
import sys

from honest import Runner

Runner().serve()
if len(sys.argv) > 1:
    sys.exit(int(sys.argv[1]))
while True:
    signal.pause()
