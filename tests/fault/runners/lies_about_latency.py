#!/usr/bin/env python3
"""Reports FACTOR times its true latencies, of 5 ms each: lies_about_latency.py FACTOR [EVIDENCE]."""
import sys
import time

from honest import Runner


class Lies(Runner):
    evidence = sys.argv[2] if len(sys.argv) > 2 else "measured"

    def infer(self, picture):
        done = time.perf_counter() + 5e-3  # busy, as a processor at work is
        while time.perf_counter() < done:
            pass
        return super().infer(picture)

    def latencies(self, measured):
        return [float(sys.argv[1]) * latency for latency in measured]


Lies().serve()
