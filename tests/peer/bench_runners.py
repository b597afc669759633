"""bench_runners.py TOOL [--rounds N] [NETWORK ...]: latency of the cpu runner's networks and of onnxruntime's.

The same network on both sides, batch 1, 224 x 224, in turns in one run; least latencies and their ratios (ours /
theirs). onnxruntime's INT8 model is made by its own quantize_static: per channel, s8 weights, u8 activations, as QDQ
and as QOperator; the faster counts.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

# Seconds between turns: until the threads of the other side have stopped spinning for more work.
REST = 0.02
OURS = ["fp32", "int8", "fp32-half", "int8-half", "int8-switched"]


class Pictures(CalibrationDataReader):
    def __init__(self, name):
        random = np.random.default_rng(1)
        self.pictures = iter([{name: random.normal(size=(1, 3, 224, 224)).astype(np.float32)} for _ in range(4)])

    def get_next(self):
        return next(self.pictures, None)


class Peer:
    def __init__(self, path, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.name = self.session.get_inputs()[0].name
        self.picture = np.random.default_rng(2).normal(size=(1, 3, 224, 224)).astype(np.float32)

    def least(self, repetitions):
        least = float("inf")
        for _ in range(repetitions):
            begin = time.perf_counter()
            self.session.run(None, {self.name: self.picture})
            least = min(least, (time.perf_counter() - begin) * 1e3)
        return least


def models_of(tool, network, folder):
    fp32 = folder / f"{network}.onnx"
    subprocess.run([tool, "export", network, fp32], check=True)
    name = onnxruntime.InferenceSession(str(fp32), providers=["CPUExecutionProvider"]).get_inputs()[0].name
    models = {"fp32": fp32}
    for form in (QuantFormat.QDQ, QuantFormat.QOperator):
        models[f"int8 {form.name}"] = folder / f"{network}-{form.name}.onnx"
        quantize_static(str(fp32), str(models[f"int8 {form.name}"]), Pictures(name), quant_format=form,
                        per_channel=True, weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8)
    return models


def compare(tool, network, models, threads, rounds):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    with subprocess.Popen([tool, "serve", network, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True, env=environment) as runner:
        assert runner.stdout.readline() == "ready\n"
        peers = {name: Peer(path, threads) for name, path in models.items()}
        ours = dict.fromkeys(OURS, float("inf"))
        theirs = dict.fromkeys(peers, float("inf"))
        for _ in range(rounds):
            for what in OURS:
                time.sleep(REST)
                runner.stdin.write(f"{what} 3\n")
                runner.stdin.flush()
                ours[what] = min(ours[what], float(runner.stdout.readline()))
            for name, peer in peers.items():
                time.sleep(REST)
                theirs[name] = min(theirs[name], peer.least(3))
        runner.stdin.close()
    int8 = min(latency for name, latency in theirs.items() if name != "fp32")
    print(f"{network}, {threads} thread{'s' if threads > 1 else ''}, milliseconds:")
    print("  ours        " + ", ".join(f"{name} {latency:.2f}" for name, latency in ours.items()))
    print("  onnxruntime " + ", ".join(f"{name} {latency:.2f}" for name, latency in theirs.items()))
    print(f"  ours / theirs: fp32 {ours['fp32'] / theirs['fp32']:.2f}, int8 {ours['int8'] / int8:.2f}, better format "
          f"{min(ours['fp32'], ours['int8']) / min(theirs['fp32'], int8):.2f}")
    print(f"  half of the MACs / dense: fp32 {ours['fp32-half'] / ours['fp32']:.2f}, "
          f"int8 {ours['int8-half'] / ours['int8']:.2f}; "
          f"condition switch {ours['int8-switched'] - ours['int8']:.2f} ms", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool")
    parser.add_argument("networks", nargs="*", default=["resnet18", "mobilenet_v2"])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    print(f"onnxruntime {onnxruntime.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        for network in options.networks:
            models = models_of(options.tool, network, pathlib.Path(folder))
            for threads in options.threads:
                compare(options.tool, network, models, threads, options.rounds)


if __name__ == "__main__":
    sys.exit(main())
