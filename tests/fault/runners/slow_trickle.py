#!/usr/bin/env python3
"""Sends its answer to METHOD one byte at a time without end: slow_trickle.py METHOD. Each byte is progress, none an answer."""
import sys
import time

from honest import Runner


class Trickles(Runner):
    def before(self, method):
        if method != sys.argv[1]:
            return
        self.write(b"Content-Length: 1000000\r\n\r\n")
        while True:
            self.write(b" ")
            time.sleep(0.01)


Trickles().serve()
