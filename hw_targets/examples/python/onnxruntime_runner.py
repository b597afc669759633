#!/usr/bin/env python3
"""A complete runner: packages on the processor by onnxruntime, FP32. Needs numpy, onnx and onnxruntime from PyPI.

A condition's network becomes an ONNX model in memory (automask_onnx.py).
"""
import os
import sys

import numpy as np
import onnxruntime

import automask_estimator
import automask_onnx
import automask_package
from automask_protocol import BAD_PACKAGE, INVALID_PARAMS, UNSUPPORTED, Refusal, serve

class OnnxRuntime:
    package, sessions, current, auto, taken = None, [], None, False, 0

    def describe(self):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        return {"name": (names or ["unknown processor"])[0], "serial": "", "evidence": "measured", "formats": ["fp32"],
                "toolchain": "onnxruntime %s, Python %s" % (onnxruntime.__version__, sys.version.split()[0])}

    def load(self, data):
        try:
            self.package = automask_package.read(data)
        except automask_package.PackageError as e:
            raise Refusal(BAD_PACKAGE, str(e)) from e
        return automask_package.loaded_answer(self.package)

    def prepare(self, options):
        for name in options:
            if name not in ("threads", "format"):
                raise Refusal(INVALID_PARAMS, "no option " + name)
        if options.get("format", "fp32") != "fp32":
            raise Refusal(UNSUPPORTED, "fp32 only, not %s" % options["format"])
        automask_onnx.require_memory(self.package)
        how = onnxruntime.SessionOptions()
        how.intra_op_num_threads = options.get("threads", 0) or len(os.sched_getaffinity(0))
        self.sessions = [onnxruntime.InferenceSession(automask_onnx.model(self.package, k), how,
                                                      providers=["CPUExecutionProvider"])
                         for k in range(len(self.package.conditions))]
        return {"threads": how.intra_op_num_threads, "format": "fp32"}

    def select_condition(self, index):
        self.current, self.auto = self.sessions[index], False

    def select_automatically(self):
        if self.package.estimator is None:
            raise Refusal(UNSUPPORTED, "the package has no estimator")
        self.auto = True

    def infer(self, picture):
        channels, height, width = self.package.picture
        array = np.frombuffer(picture, np.uint8).reshape(1, height, width, channels)
        if self.auto:
            self.taken = automask_estimator.estimate(self.package.estimator, array[0])
            self.current = self.sessions[self.taken]
        return self.current.run(None, {"/picture": array})[0].ravel()

    def state(self):
        return {"throttled": False, "load": os.getloadavg()[0]}


if __name__ == "__main__":
    sys.exit(serve(OnnxRuntime()))
