#!/usr/bin/env python3
"""Speaks protocol 2: says so in its result, or with `refuses` as the error the protocol wants."""
import sys

from honest import Refusal, Runner


class Newer(Runner):
    def initialize(self, params, _):
        if sys.argv[1:] == ["refuses"]:
            raise Refusal(-32001, "this runner speaks protocol 2")
        answer = super().initialize(params, _)
        answer["protocol"] = 2
        return answer


Newer().serve()
