"""The runner protocol of docs/runner-protocol.md for runners written in Python: frames, messages, the timed loop.

A backend is an object with describe(), load(bytes), prepare(options), select_condition(index), infer(picture) and state();
each may raise Refusal. One that picks conditions itself has select_automatically() and, after infer(), taken; one whose latencies are
not this process's time has own_ms after infer(), and another evidence than `measured`. serve(backend) does the rest. Standard library only.
"""
import hashlib
import json
import os
import select
import struct
import sys
import time

VERSION, HEADER_LIMIT, FRAME_LIMIT, DEPTH_LIMIT = 1, 512, 1 << 30, 64
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
WRONG_VERSION, BAD_HASH, BAD_PACKAGE, OUT_OF_MEMORY, UNKNOWN_INPUT = -32001, -32002, -32003, -32004, -32005
NOT_LOADED, UNSUPPORTED, CANCELLED = -32006, -32007, -32008
STAGES = ["initialize", "load", "prepare"]
NEEDS = {"load": 1, "prepare": 2, "select_condition": 3, "put_inputs": 2, "run": 3, "fetch_output": 3, "state": 1, "power": 1}


class Refusal(Exception):
    """Answers a message with an error; the sentence reaches the user."""

    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code = code


class NotTheProtocol(Exception):
    """The input cannot be read on from here: the runner answers parse_error and exits with status 1."""


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def depth_of(text):
    """Of nested brackets outside of strings; json.loads would exhaust the stack before it could tell."""
    if text.count(b"[") + text.count(b"{") <= DEPTH_LIMIT:
        return 0  # whatever its depth, it is allowed: the long lists of run need no look at every byte
    depth = deepest = 0
    in_string = escaped = False
    for c in text:
        if in_string:
            in_string, escaped = escaped or c != 0x22, c == 0x5C and not escaped
        elif c == 0x22:
            in_string = True
        elif c in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif c in b"]}":
            depth -= 1
    return deepest


class Wire:
    """Frames from one descriptor and to another."""

    def __init__(self, source, sink):
        self.source, self.sink, self.buffer, self.waiting = source, sink, bytearray(), []

    def parse(self):
        """(binary?, bytes) from the front of the buffer, or None where more is needed."""
        start = bytes(self.buffer[:8]).lower()
        if start != b"content-"[:len(start)]:
            raise NotTheProtocol("text where a frame should start")
        end = self.buffer.find(b"\r\n\r\n", 0, HEADER_LIMIT + 4)
        if end < 0:
            if len(self.buffer) > HEADER_LIMIT:
                raise NotTheProtocol("a header of more than 512 bytes")
            return None
        length, binary = None, False
        for line in bytes(self.buffer[:end]).split(b"\r\n"):
            name, _, value = line.partition(b":")
            name, value = name.lower(), value.strip()
            if name == b"content-length" and length is None and value.isdigit():
                length = int(value)
            elif name == b"content-type":
                binary = value.lower() == b"application/octet-stream"
            else:
                raise NotTheProtocol("a wrong header field")
        if length is None or length > FRAME_LIMIT:
            raise NotTheProtocol("a frame without a length, or larger than %d bytes" % FRAME_LIMIT)
        if len(self.buffer) < end + 4 + length:
            return None
        body = bytes(self.buffer[end + 4:end + 4 + length])
        del self.buffer[:end + 4 + length]
        return binary, body

    def fill(self):
        got = os.read(self.source, 1 << 20)
        self.buffer += got
        return bool(got)

    def frame(self):
        """The next frame, or None at the end of the input."""
        if self.waiting:
            return self.waiting.pop(0)
        while True:
            frame = self.parse()
            if frame is not None:
                return frame
            if not self.fill():
                if self.buffer:
                    raise NotTheProtocol("the input ends within a frame")
                return None

    def cancelled(self, number):
        """Has a $/cancel for this request come meanwhile? What else came waits for its turn."""
        while select.select([self.source], [], [], 0)[0] and self.fill():
            pass
        while (frame := self.parse()) is not None:
            self.waiting.append(frame)
        for at, (binary, body) in enumerate(self.waiting):
            if not binary and b"$/cancel" in body:
                del self.waiting[at]
                return json.loads(body).get("params", {}).get("id") == number
        return False

    def write(self, message, frame=None):
        body = json.dumps(message).encode()
        data = b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        if frame is not None:
            data += b"Content-Length: %d\r\nContent-Type: application/octet-stream\r\n\r\n%s" % (len(frame), frame)
        while data:
            data = data[os.write(self.sink, data):]


class Conversation:
    """One method per message; `stage` counts initialize, load and prepare."""

    def __init__(self, backend, wire):
        self.backend, self.wire, self.stage, self.pictures, self.outputs, self.rows = backend, wire, 0, {}, b"", 0
        self.shape, self.classes, self.conditions, self.number, self.auto = None, 0, 0, None, False

    def initialize(self, params, _):
        if params["protocol"] != VERSION:
            raise Refusal(WRONG_VERSION, "this runner speaks protocol %d" % VERSION)
        self.stage = max(self.stage, 1)
        return {"protocol": VERSION, **self.backend.describe()}

    def load(self, params, package):
        self.stage = 1
        answer = self.backend.load(package)
        shape = [answer["input"][key] for key in ("height", "width", "channels")]
        if shape != self.shape:
            self.pictures.clear()
        self.shape, self.classes, self.conditions = shape, answer["classes"], len(answer["conditions"])
        self.outputs, self.rows, self.stage = b"", 0, 2
        return answer

    def prepare(self, params, _):
        self.stage = 2
        answer = self.backend.prepare(params)
        self.backend.select_condition(0)
        self.auto, self.stage = False, 3
        return answer

    def select_condition(self, params, _):
        if "auto" in params:
            if params != {"auto": True}:
                raise Refusal(INVALID_PARAMS, 'send "index" or "auto": true')
            if not hasattr(self.backend, "select_automatically"):
                raise Refusal(UNSUPPORTED, "this runner does not pick conditions by itself")
            self.backend.select_automatically()
            self.auto = True
            return {"auto": True}
        index = params["index"]
        if not isinstance(index, int) or not 0 <= index < self.conditions:
            raise Refusal(INVALID_PARAMS, "condition %s of %d" % (index, self.conditions))
        self.backend.select_condition(index)
        self.auto = False
        return {"index": index}

    def put_inputs(self, params, data):
        count, size = params["shape"][0], self.shape[0] * self.shape[1] * self.shape[2]
        if params["shape"][1:] != self.shape or len(data) != count * size or params["dtype"] != "u8":
            raise Refusal(INVALID_PARAMS, "these are not u8 pictures of %s" % self.shape)
        if params.get("forget"):
            self.pictures.clear()
        hashes = []
        for at in range(0, len(data), size):
            hashes.append(sha256(data[at:at + size]))
            self.pictures[hashes[-1]] = data[at:at + size]
        return {"inputs": hashes}

    def run(self, params, _):
        missing = [name for name in params["inputs"] if name not in self.pictures]
        if missing:
            raise Refusal(UNKNOWN_INPUT, "no input %s was put" % missing[0])
        visits = [self.pictures[params["inputs"][index]] for index in params["order"]]
        for index in range(params.get("warmup", 0) if visits else 0):
            self.backend.infer(visits[index % len(visits)])
        latencies, rows, taken, look = [], [], [], time.monotonic()
        for picture in visits:
            if time.monotonic() - look > 0.01:  # between executions, so that no latency holds it
                if self.wire.cancelled(self.number):
                    raise Refusal(CANCELLED, "the run was cancelled")
                look = time.monotonic()
            begun = time.perf_counter()
            row = self.backend.infer(picture)
            taken_ms = 1e3 * max(time.perf_counter() - begun, 1e-7)
            latencies.append(getattr(self.backend, "own_ms", taken_ms))
            rows.append(struct.pack("<%df" % self.classes, *row))
            if self.auto:
                taken.append(self.backend.taken)
        self.outputs, self.rows = b"".join(rows), len(rows)
        answer = {"latencies_ms": latencies, "digest": sha256(params["nonce"].encode() + self.outputs)}
        return {**answer, "conditions": taken} if self.auto else answer

    def fetch_output(self, params, _):
        return {"shape": [self.rows, self.classes], "dtype": "float32",
                "frame": {"size": len(self.outputs), "sha256": sha256(self.outputs)}}

    def state(self, params, _):
        return self.backend.state()

    def power(self, params, _):
        raise Refusal(UNSUPPORTED, "this runner measures no power")

    def answer(self, message, data):
        method, params = message["method"], message.get("params", {})
        self.number = message["id"]
        if params.get("frame") and (len(data), sha256(data)) != (params["frame"].get("size"), params["frame"].get("sha256")):
            raise Refusal(BAD_HASH, "the binary frame is not the one announced")
        if method != "initialize" and method not in NEEDS:
            raise Refusal(METHOD_NOT_FOUND, "no method " + method)
        if self.stage < NEEDS.get(method, 0):
            raise Refusal(INVALID_REQUEST if self.stage == 0 else NOT_LOADED, "send %s first" % STAGES[self.stage])
        try:
            return getattr(self, method)(params, data)
        except (KeyError, IndexError, TypeError, ValueError, struct.error) as e:
            raise Refusal(INVALID_PARAMS, "%s: %s" % (type(e).__name__, e)) from e
        except MemoryError as e:
            raise Refusal(OUT_OF_MEMORY, "out of memory in " + method) from e
        except Exception as e:
            if isinstance(e, (Refusal, NotTheProtocol)):
                raise
            raise Refusal(INTERNAL_ERROR, "%s: %s" % (type(e).__name__, e)) from e


def read_message(frame):
    if frame[0] or depth_of(frame[1]) > DEPTH_LIMIT:
        raise NotTheProtocol("a binary frame that nothing announced, or JSON nested too deep")
    try:
        message = json.loads(frame[1])
    except ValueError as e:
        raise NotTheProtocol("no JSON: %s" % e) from e
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or not isinstance(message.get("method"), str):
        raise NotTheProtocol("no JSON-RPC 2.0 request")
    return message


def serve(backend):
    """Answers until shutdown or the end of the input; the program's exit status."""
    sink = os.dup(1)
    os.dup2(2, 1)  # what libraries print goes to the log
    wire = Wire(0, sink)
    talk = Conversation(backend, wire)
    try:
        while (frame := wire.frame()) is not None:
            message = read_message(frame)
            if "id" not in message:
                continue  # a notification
            number, method, data = message["id"], message["method"], b""
            if method == "shutdown":
                wire.write({"jsonrpc": "2.0", "id": number, "result": {}})
                return 0
            if isinstance(message.get("params", {}), dict) and "frame" in message.get("params", {}):
                binary, data = wire.frame() or (False, b"")
                if not binary:
                    raise NotTheProtocol("an announced binary frame did not follow")
            try:
                result = talk.answer(message, data)
            except Refusal as e:
                wire.write({"jsonrpc": "2.0", "id": number, "error": {"code": e.code, "message": str(e)}})
                continue
            wire.write({"jsonrpc": "2.0", "id": number, "result": result}, talk.outputs if method == "fetch_output" else None)
        return 0
    except NotTheProtocol as e:
        print("standard input is not the runner protocol:", e, file=sys.stderr)
        wire.write({"jsonrpc": "2.0", "id": None, "error": {"code": PARSE_ERROR, "message": str(e)}})
        return 1
