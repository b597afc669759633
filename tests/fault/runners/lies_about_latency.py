#!/usr/bin/env python3
"""Reports FACTOR times its true latencies, of 5 ms each: lies_about_latency.py FACTOR [EVIDENCE [LONG_RUNS]].

Of runs of 10 executions and more the first LONG_RUNS alone, as a machine that others keep busy for a while.
"""
import sys
import time

from honest import Runner


class Lies(Runner):
    evidence = sys.argv[2] if len(sys.argv) > 2 else "measured"
    long_runs = 0

    def infer(self, picture):
        done = time.perf_counter() + 5e-3  # busy, as a processor at work is
        while time.perf_counter() < done:
            pass
        return super().infer(picture)

    def latencies(self, measured):
        if len(sys.argv) > 3:
            Lies.long_runs += len(measured) >= 10
            if len(measured) < 10 or Lies.long_runs > int(sys.argv[3]):
                return measured
        return [float(sys.argv[1]) * latency for latency in measured]


Lies().serve()
