#!/usr/bin/env python3
"""What trtexec_runner.py uses of trtexec, by onnxruntime: the options, files and JSON of TensorRT 8's program."""
import json
import shutil
import sys
import time

import numpy as np
import onnxruntime

given = dict(argument.lstrip("-").partition("=")[::2] for argument in sys.argv[1:])
print("&&&& RUNNING TensorRT.trtexec [TensorRT v8201] #", *sys.argv)
if "help" in given:
    sys.exit(0)
unknown = set(given) - {"onnx", "saveEngine", "loadEngine", "loadInputs", "exportOutput", "exportTimes", "iterations", "warmUp",
                        "duration", "fp16"}
if unknown:
    print("[E] Unknown option: --" + unknown.pop())
    sys.exit(1)
if "onnx" in given:
    shutil.copyfile(given["onnx"], given["saveEngine"])
session = onnxruntime.InferenceSession(given.get("loadEngine") or given["onnx"])
(picture,), (logits,) = session.get_inputs(), session.get_outputs()
assert picture.type == "tensor(float)", "TensorRT 8 takes no bytes"
values = np.zeros(picture.shape, np.float32)
if "loadInputs" in given:
    name, _, file = given["loadInputs"].partition(":")
    assert name == picture.name, name
    values = np.fromfile(file, "<f4").reshape(picture.shape)
times, row = [], None
for _ in range(int(given["iterations"])):
    begun = time.perf_counter()
    row = session.run(None, {picture.name: values})[0]
    took = 1e3 * (time.perf_counter() - begun)
    times.append({"inMs": 0.01, "computeMs": took, "outMs": 0.01, "latencyMs": took + 0.02, "endToEndMs": took + 0.02})
if "exportTimes" in given:
    with open(given["exportTimes"], "w", encoding="utf-8") as out:
        json.dump(times, out)
if "exportOutput" in given:
    with open(given["exportOutput"], "w", encoding="utf-8") as out:
        json.dump([{"name": logits.name, "dimensions": "x".join(map(str, row.shape)), "values": row.ravel().tolist()}], out)
