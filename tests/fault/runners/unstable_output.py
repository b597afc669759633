#!/usr/bin/env python3
"""Gives other logits at each visit of a picture."""
from honest import Runner


class Unstable(Runner):
    visits = 0

    def infer(self, picture):
        self.visits += 1
        return [value + 100 * self.visits for value in super().infer(picture)]


Unstable().serve()
