#!/usr/bin/env python3
"""A runner over NVIDIA's trtexec, to hold others against what TensorRT makes of the same package. Needs numpy and onnx.

    trtexec_runner.py [--trtexec PROGRAM] [--iterations N]

Every picture starts trtexec on a saved engine: its logits come from --exportOutput, its latency from --exportTimes, the
median of "computeMs" over N executions. That is GPU time from float input to logits: neither scaling nor copies are in it, and
no clock of the host can check it. So the evidence is `quoted`; use few pictures ("limit" of the target).
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import numpy as np

import automask_onnx
import automask_package
from automask_protocol import BAD_PACKAGE, INTERNAL_ERROR, INVALID_PARAMS, UNSUPPORTED, Refusal, serve


class Trtexec:
    def __init__(self, program, iterations):
        self.program, self.iterations = program, iterations
        self.folder = tempfile.TemporaryDirectory(prefix="automask-trtexec-")
        self.package, self.engines, self.current, self.own_ms = None, [], None, 0.0

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def call(self, *arguments):
        """What trtexec prints; it goes to the log, too."""
        try:
            done = subprocess.run([self.program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  errors="replace", check=False)
        except OSError as e:
            raise Refusal(UNSUPPORTED, "%s does not start (%s): install TensorRT, or name it with --trtexec"
                          % (self.program, e.strerror)) from e
        print(done.stdout, file=sys.stderr)
        if done.returncode != 0:
            errors = [line for line in done.stdout.splitlines() if "[E]" in line] or done.stdout.splitlines()[-1:]
            raise Refusal(INTERNAL_ERROR, "trtexec ended with status %d: %s" % (done.returncode, " ".join(errors[:1])))
        return done.stdout

    def describe(self):
        if not shutil.which(self.program):
            raise Refusal(UNSUPPORTED, "no %s: install TensorRT, or name it with --trtexec" % self.program)
        text = self.call("--help")
        version = re.search(r"TensorRT v(\d+)", text)
        return {"name": "TensorRT by trtexec", "serial": "", "evidence": "quoted", "formats": ["fp32"],
                "toolchain": "TensorRT %s" % (version.group(1) if version else "of an unknown version")}

    def load(self, data):
        try:
            self.package = automask_package.read(data)
        except automask_package.PackageError as e:
            raise Refusal(BAD_PACKAGE, str(e)) from e
        return automask_package.loaded_answer(self.package)

    def prepare(self, options):
        for name in options:
            if name not in ("threads", "format", "fp16"):
                raise Refusal(INVALID_PARAMS, "the options are format, fp16 and threads, not " + name)
        if options.get("format", "fp32") != "fp32":
            raise Refusal(UNSUPPORTED, "packages in fp32 only, not %s; \"fp16\": true lets TensorRT compute in fp16"
                          % options["format"])
        if not isinstance(options.get("fp16", False), bool):
            raise Refusal(INVALID_PARAMS, "fp16 must be true or false")
        automask_onnx.require_memory(self.package)
        self.engines = []
        for k in range(len(self.package.conditions)):
            with open(self.path("%d.onnx" % k), "wb") as file:
                file.write(automask_onnx.model(self.package, k, of_bytes=False))
            self.engines.append(self.path("%d.engine" % k))
            self.call("--onnx=" + self.path("%d.onnx" % k), "--saveEngine=" + self.engines[k], "--iterations=1",
                      "--warmUp=0", "--duration=0", *(["--fp16"] if options.get("fp16") else []))
        return {"threads": 1, "format": "fp32", "fp16": bool(options.get("fp16"))}

    def select_condition(self, index):
        self.current = self.engines[index]

    def infer(self, picture):
        channels, height, width = self.package.picture
        planes = np.frombuffer(picture, np.uint8).reshape(height, width, channels).transpose(2, 0, 1)
        planes.astype("<f4").tofile(self.path("picture"))
        self.call("--loadEngine=" + self.current, "--loadInputs=/planes:" + self.path("picture"),
                  "--exportOutput=" + self.path("output.json"), "--exportTimes=" + self.path("times.json"),
                  "--iterations=%d" % self.iterations, "--duration=0")
        try:
            with open(self.path("output.json"), encoding="utf-8") as file:
                outputs = [entry["values"] for entry in json.load(file) if entry["name"] != "/planes"]
            with open(self.path("times.json"), encoding="utf-8") as file:
                self.own_ms = statistics.median(entry["computeMs"] for entry in json.load(file))
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise Refusal(INTERNAL_ERROR, "trtexec's output is not understood: %s: %s" % (type(e).__name__, e)) from e
        if len(outputs) != 1 or len(outputs[0]) != len(self.package.classes):
            raise Refusal(INTERNAL_ERROR, "trtexec gave %s values for %d classes"
                          % ([len(values) for values in outputs], len(self.package.classes)))
        return outputs[0]

    def state(self):
        return {"throttled": False}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trtexec", default="trtexec", metavar="PROGRAM", help="default: trtexec on the PATH")
    parser.add_argument("--iterations", type=int, default=10, metavar="N", help="executions of each picture (10)")
    given = parser.parse_args()
    sys.exit(serve(Trtexec(given.trtexec, given.iterations)))
