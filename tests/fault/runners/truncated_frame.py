#!/usr/bin/env python3
"""Writes half of its answer to METHOD, then exits or, with `hangs`, waits for ever: truncated_frame.py METHOD [hangs]."""
import signal
import sys

from honest import Runner


class Truncates(Runner):
    def before(self, method):
        if method != sys.argv[1]:
            return
        self.write(b'Content-Length: 100\r\n\r\n{"jsonrpc": "2.0", "id"')
        if sys.argv[2:] == ["hangs"]:
            while True:
                signal.pause()
        sys.exit(0)


Truncates().serve()
