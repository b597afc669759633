#!/usr/bin/env python3
"""Answers METHOD with something else: garbage.py METHOD KIND.

KIND: bytes, header, json, array, no_id, notification, binary, nested, oversized.
"""
import sys

from honest import Runner


class Garbage(Runner):
    def before(self, method):
        if method != sys.argv[1]:
            return
        kind = sys.argv[2]
        if kind == "bytes":
            self.write(bytes(range(256)) * 16)
        elif kind == "header":
            self.write(b"Content-Length: -5\r\n\r\nhello")
        elif kind == "json":
            self.write(b'Content-Length: 16\r\n\r\n{"jsonrpc": "2.0')
        elif kind == "array":
            self.write_json([1, 2, 3])
        elif kind == "no_id":
            self.write_json({"jsonrpc": "2.0", "id": 4711, "result": {}})
        elif kind == "notification":
            self.write_json({"jsonrpc": "2.0", "method": "progress", "params": {}})
        elif kind == "binary":
            self.write_binary(b"0123")
        elif kind == "nested":
            self.write(b"Content-Length: 200000\r\n\r\n" + b"[" * 200000)
        elif kind == "oversized":
            self.write(b"Content-Length: 99999999999\r\n\r\n")
        else:
            sys.exit("unknown kind " + kind)


Garbage().serve()
