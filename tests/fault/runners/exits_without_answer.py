#!/usr/bin/env python3
"""Exits with status 3 instead of answering METHOD: exits_without_answer.py METHOD."""
import sys

from honest import Runner


class Exits(Runner):
    def before(self, method):
        if method == sys.argv[1]:
            sys.exit(3)


Exits().serve()
