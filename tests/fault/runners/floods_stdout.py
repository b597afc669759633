#!/usr/bin/env python3
"""Writes to standard output for ever when METHOD arrives: floods_stdout.py METHOD [frame].

With `frame` the flood lies inside a frame that announces more than any answer has.
"""
import sys

from honest import Runner


class Floods(Runner):
    def before(self, method):
        if method != sys.argv[1]:
            return
        if sys.argv[2:] == ["frame"]:
            self.write(b"Content-Length: 9999999999\r\n\r\n")
        while True:
            self.write(b"x" * 65536)


Floods().serve()
