#!/usr/bin/env python3
"""Answers `initialize`, then reads nothing more: a request larger than a pipe can never be sent whole."""
import signal

from honest import Runner


class DoesNotRead(Runner):
    def answer(self, number, method, result):
        super().answer(number, method, result)
        while True:
            signal.pause()


DoesNotRead().serve()
