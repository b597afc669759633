#!/usr/bin/env python3
"""Honest, but logs MEBIBYTES to standard error before it answers METHOD: floods_stderr.py METHOD MEBIBYTES."""
import os
import sys

from honest import Runner


class Chatty(Runner):
    def before(self, method):
        if method != sys.argv[1]:
            return
        line = b"temperature 41.5 C, all is well" + b" " * 32 + b"\n"
        block = line * (65536 // len(line))
        for _ in range(int(sys.argv[2]) * 16):
            os.write(2, block)
        os.write(2, b"this is the last line\n")


Chatty().serve()
