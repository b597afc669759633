#!/usr/bin/env python3
"""Dies by SIGKILL when message N (from 1) has arrived, after a last line in the log: dies_at_message.py N."""
import os
import signal
import sys

from honest import Runner


class Dies(Runner):
    def before(self, method):
        if self.messages == int(sys.argv[1]):
            print("the device fell off the bus", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)


Dies().serve()
