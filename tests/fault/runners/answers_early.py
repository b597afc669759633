#!/usr/bin/env python3
"""Answers METHOD before it has read the frame that follows, then reads no more: answers_early.py METHOD error|result."""
import signal
import sys

from honest import Runner


class Early(Runner):
    def before(self, method):
        if method != sys.argv[1]:
            return
        answer = {"jsonrpc": "2.0", "id": self.messages}
        if sys.argv[2] == "error":
            answer["error"] = {"code": -32004, "message": "no room for a package of this size"}
        else:
            answer["result"] = {"conditions": ["clean"], "classes": 3, "input": {"height": 4, "width": 4, "channels": 1}}
        self.write_json(answer)
        while True:
            signal.pause()


Early().serve()
