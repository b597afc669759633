#!/usr/bin/env python3
"""Answers one thing wrongly: wrong_answer.py KIND.

KIND: fewer_latencies, negative_latency, null_latency, fewer_outputs, nan_output, frame_hash, input_hash, threads,
no_device, macs, evidence, condition, throttled, no_state; with a second argument "estimator" also fewer_conditions,
foreign_condition, no_conditions, changing_condition, not_auto.
"""
import struct
import sys

from honest import CLASSES, Runner, sha256

KIND = sys.argv[1]


class Wrong(Runner):
    def latencies(self, measured):
        return {"fewer_latencies": measured[:-1], "negative_latency": [-1.0] * len(measured),
                "null_latency": [None] * len(measured)}.get(KIND, measured)

    def conditions(self, taken):
        return {"fewer_conditions": taken[:-1], "foreign_condition": [2] * len(taken), "no_conditions": None,
                "changing_condition": [visit % 2 for visit in range(len(taken))]}.get(KIND, taken)

    def digest(self, nonce):
        if KIND == "fewer_outputs":
            self.outputs = self.outputs[:-4 * CLASSES]
        elif KIND == "nan_output":
            self.outputs = struct.pack("<f", float("nan")) + self.outputs[4:]
        return super().digest(nonce)

    def initialize(self, params, _):
        answer = super().initialize(params, _)
        if KIND == "no_device":
            del answer["name"]
        elif KIND == "evidence":
            answer["evidence"] = "sworn"
        return answer

    def prepare(self, params, _):
        answer = super().prepare(params, _)
        return {"threads": {"threads": 7}, "macs": {**answer, "macs": [7]}}.get(KIND, answer)

    def select_condition(self, params, _):
        if KIND == "not_auto" and params.get("auto"):
            return {"index": 0}
        return {"index": 0} if KIND == "condition" else super().select_condition(params, _)

    def put_inputs(self, params, pictures):
        answer = super().put_inputs(params, pictures)
        if KIND == "input_hash":
            answer["inputs"][0] = sha256(b"")
        return answer

    def fetch_output(self, params, _):
        answer = super().fetch_output(params, _)
        if KIND == "frame_hash":
            answer["frame"]["sha256"] = sha256(b"")
        return answer

    def state(self, params, _):
        return {"no_state": {}, "throttled": {"throttled": True}}.get(KIND) if KIND in ("no_state", "throttled") \
            else super().state(params, _)


Wrong().serve()
