#!/usr/bin/env python3
"""Honest; logs the order of the last run."""
import sys

from honest import Runner


class Logs(Runner):
    order = ()

    def run(self, params, _):
        self.order = params["order"]
        return super().run(params, _)

    def shutdown(self, params, _):
        print(len(self.order), "visits:", *self.order, file=sys.stderr, flush=True)
        return {}


Logs().serve()
