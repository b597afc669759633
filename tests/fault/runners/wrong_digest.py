#!/usr/bin/env python3
"""Binds its outputs to no nonce, so that an old answer would do for any run."""
from honest import Runner, sha256


class Unbound(Runner):
    def digest(self, nonce):
        return sha256(self.outputs)


Unbound().serve()
