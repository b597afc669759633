#!/usr/bin/env python3
"""A complete, honest runner for a made-up device, and the base of those that misbehave.

Its "package" is any bytes; its "network" takes pictures of 4 x 4 x 1 and answers 3 logits: the sums of every third
pixel, plus the condition's number. FAULT_SHAPE="classes,height,width,channels" makes it take others. docs/runner-protocol.md is all it was written from.
"""
import hashlib
import json
import os
import struct
import sys
import time

CLASSES, HEIGHT, WIDTH, CHANNELS = map(int, os.environ.get("FAULT_SHAPE", "3,4,4,1").split(","))


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Refusal(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Runner:
    """Serves the protocol; subclasses override what they get wrong."""

    evidence = "measured"
    estimator = "estimator" in sys.argv[1:]  # picks a picture's condition by its first pixel

    def __init__(self):
        self.source, self.sink = sys.stdin.buffer, sys.stdout.buffer
        self.pictures, self.outputs, self.condition, self.auto = {}, b"", 0, False
        self.messages = 0  # answered or being answered

    # Frames.

    def read_frame(self):
        """(binary?, bytes), or None at the end of the input."""
        length, binary = None, False
        while True:
            line = self.source.readline()
            if not line:
                return None
            if line == b"\r\n":
                return binary, self.source.read(length)
            name, value = line.decode("ascii").split(":", 1)
            if name.lower() == "content-length":
                length = int(value)
            elif name.lower() == "content-type":
                binary = value.strip() == "application/octet-stream"

    def write(self, data):
        self.sink.write(data)
        self.sink.flush()

    def write_json(self, message):
        body = json.dumps(message).encode("utf-8")
        self.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def write_binary(self, body):
        self.write(b"Content-Length: %d\r\nContent-Type: application/octet-stream\r\n\r\n%s" % (len(body), body))

    # The loop. `before` is where most faults happen.

    def before(self, method):
        pass

    def serve(self):
        while True:
            frame = self.read_frame()
            if frame is None:
                return
            message = json.loads(frame[1])
            method, params = message["method"], message.get("params", {})
            if "id" not in message:
                continue
            self.messages += 1
            self.before(method)
            binary = self.read_frame()[1] if "frame" in params else b""
            try:
                if "frame" in params and sha256(binary) != params["frame"]["sha256"]:
                    raise Refusal(-32002, "the binary frame is not the one announced")
                handler = getattr(self, method, None)
                if handler is None:
                    raise Refusal(-32601, "no method " + method)
                result = handler(params, binary)
            except Refusal as refusal:
                error = {"code": refusal.code, "message": str(refusal)}
                self.write_json({"jsonrpc": "2.0", "id": message["id"], "error": error})
                continue
            self.answer(message["id"], method, result)
            if method == "shutdown":
                return

    def answer(self, number, method, result):
        self.write_json({"jsonrpc": "2.0", "id": number, "result": result})
        if method == "fetch_output":
            self.write_binary(self.outputs)

    # The device.

    def infer(self, picture):
        if self.auto:
            self.condition = self.pick(picture)
        return [float(sum(picture[c::CLASSES]) + self.condition) for c in range(CLASSES)]

    # The messages.

    def initialize(self, params, _):
        if params["protocol"] != 1:
            raise Refusal(-32001, "this runner speaks protocol 1")
        return {"protocol": 1, "name": "made-up device", "serial": "0", "toolchain": "Python",
                "evidence": self.evidence, "formats": ["fp32"]}

    def load(self, params, package):
        if not package:
            raise Refusal(-32003, "an empty package")
        return {"conditions": ["clean", "jpeg:q30"], "classes": CLASSES,
                "input": {"height": HEIGHT, "width": WIDTH, "channels": CHANNELS}}

    def prepare(self, params, _):
        if params.get("format", "fp32") != "fp32":
            raise Refusal(-32007, "no number format " + params["format"])
        self.condition, self.auto = 0, False
        return {"threads": params.get("threads", 0) or 1, "format": "fp32"}

    def select_condition(self, params, _):
        if params.get("auto") and not self.estimator:
            raise Refusal(-32007, "no estimator")
        self.auto = params.get("auto", False)
        if self.auto:
            return {"auto": True}
        self.condition = params["index"]
        return {"index": self.condition}

    def pick(self, picture):
        return picture[0] % 2

    def put_inputs(self, params, pictures):
        size = HEIGHT * WIDTH * CHANNELS
        each = [pictures[at:at + size] for at in range(0, len(pictures), size)]
        hashes = [sha256(picture) for picture in each]
        self.pictures.update(zip(hashes, each))
        return {"inputs": hashes}

    def run(self, params, _):
        for name in params["inputs"]:
            if name not in self.pictures:
                raise Refusal(-32005, "no input " + name)
        order = [self.pictures[params["inputs"][index]] for index in params["order"]]
        for index in range(params["warmup"]):
            self.infer(order[index % len(order)])
        rows, latencies, taken = [], [], []
        for picture in order:
            start = time.perf_counter()
            row = self.infer(picture)
            latencies.append(1e3 * max(time.perf_counter() - start, 1e-7))
            rows += row
            taken.append(self.condition)
        self.outputs = struct.pack("<%df" % len(rows), *rows)
        self.rows = len(order)
        answer = {"latencies_ms": self.latencies(latencies), "digest": self.digest(params["nonce"])}
        return {**answer, "conditions": self.conditions(taken)} if self.auto else answer

    def conditions(self, taken):
        return taken

    def latencies(self, measured):
        return measured

    def digest(self, nonce):
        return sha256(nonce.encode("ascii") + self.outputs)

    def fetch_output(self, params, _):
        return {"shape": [self.rows, CLASSES], "dtype": "float32",
                "frame": {"size": len(self.outputs), "sha256": sha256(self.outputs)}}

    def state(self, params, _):
        return {"throttled": False}

    def shutdown(self, params, _):
        return {}


if __name__ == "__main__":
    Runner().serve()
