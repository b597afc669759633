#!/usr/bin/env python3
"""Never answers METHOD, and leaves a child behind that would outlive it: hangs_at.py METHOD [PID_FILE].

The child's process number is written to PID_FILE, so that a test can see that it is gone too.
"""
import os
import signal
import sys

from honest import Runner


class Hangs(Runner):
    def before(self, method):
        if method != sys.argv[1]:
            return
        child = os.fork()
        if child and len(sys.argv) > 2:
            with open(sys.argv[2], "w") as file:
                file.write(str(child))
        while True:
            signal.pause()


Hangs().serve()
