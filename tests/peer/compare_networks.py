#!/usr/bin/env python3
"""Networks against onnxruntime and against PyTorch, through ONNX and .pth files.

    compare_networks.py NETWORK_TOOL [NAME ...]      in the environment of scripts/test-venv.sh

For every network of the zoo, with random weights: onnx.checker accepts what we export, onnxruntime's logits of it are
ours (whole, folded, and shrunk by a random mask). For those that torchvision has too (Debian's python3-torchvision, left
out where it misses): our logits of its .pth file, and of what torch.onnx.export writes, are PyTorch's.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime

import tensors

TOOL, NAMES = sys.argv[1], sys.argv[2:]
HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 1e-4  # of the largest logit: random weights give logits of any size


def difference(a, b):
    assert a.shape == b.shape, (a.shape, b.shape)
    return float(numpy.abs(a - b).max() / numpy.abs(b).max())


def onnxruntime_logits(path, picture):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: picture})[0]


def run(*words):
    subprocess.run([TOOL, *map(str, words)], check=True)


def exported(name, folder):
    """What we write, as onnxruntime reads it: [(what, difference)]."""
    run("export", name, folder)
    data = tensors.read(folder / "data.safetensors")
    found = []
    for file, logits in (("model", "logits"), ("folded", "logits"), ("shrunk", "shrunk_logits")):
        path = folder / f"{file}.onnx"
        onnx.checker.check_model(str(path), full_check=True)
        found.append((f"onnxruntime {file}", difference(onnxruntime_logits(path, data["input"]), data[logits])))
    assert numpy.abs(data["logits"] - data["shrunk_logits"]).max() > 0, "the mask did nothing"
    return found


def imported(name, folder):
    """What PyTorch writes, as we read it."""
    done = subprocess.run(["/usr/bin/python3", HERE / "torch_networks.py", name, folder], stdout=subprocess.PIPE, text=True)
    if done.returncode == 77:
        return []
    done.check_returncode()
    data = tensors.read(folder / "torch.safetensors")
    found = []
    for what, file, model in (("PyTorch .pth", "torch.pth", name), ("PyTorch .onnx", "torch.onnx", "-")):
        run("run", folder / file, model, folder / "torch.safetensors", folder / "ours.safetensors")
        found.append((what, difference(tensors.read(folder / "ours.safetensors")["logits"], data["logits"])))
    return found


def main():
    names = NAMES or subprocess.run([TOOL, "zoo"], check=True, capture_output=True, text=True).stdout.split()
    worst, count = 0.0, 0
    for name in names:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="automask-peer-"))
        try:
            for what, value in exported(name, folder) + imported(name, folder):
                print(f"{name:20} {what:20} {value:.1e}", flush=True)
                worst, count = max(worst, value), count + 1
        finally:
            shutil.rmtree(folder)
    print(f"{count} comparisons, the largest difference is {worst:.1e} of the largest logit, allowed {TOLERANCE:.0e}")
    sys.exit(0 if worst <= TOLERANCE and count >= 3 * len(names) else 1)


main()
