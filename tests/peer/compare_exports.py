#!/usr/bin/env python3
"""`automask export` against onnx.checker and onnxruntime.

    compare_exports.py EXPORTS_TOOL [NAME ...]      in the environment of scripts/test-venv.sh

For pruned networks of two conditions (residual, depthwise, inception, dense, ..., ResNet-18, MobileNetV2): both ONNX
forms pass onnx.checker; onnxruntime's logits of `onnx` are the masked network's, and of `onnx-qdq` they are near those of
the integer reference on the INT8 package. That onnxruntime executes the latter on integers is seen in the graph that it
makes of it: no convolution or linear layer in floating point is left.
"""
import json
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
AUTOMASK = pathlib.Path(TOOL).resolve().parent / "automask"  # of the same build
COUNT = 12
CONDITIONS = ("clean", "jpeg-q20")
FLOAT_TOLERANCE = 1e-4  # of the largest logit
QDQ_TOLERANCE = 0.1     # of the largest logit: where a value is one step apart, those behind it move


def automask(*words):
    done = subprocess.run([AUTOMASK, *map(str, words), "--progress", "none"], capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


def logits_of(file, pictures, folder):
    subprocess.run([TOOL, "logits", file, pictures, folder / "logits.safetensors"], check=True)
    return tensors.read(folder / "logits.safetensors")


def write_pictures(folder, height, width, channels):
    """Noise of several coarsenesses, as class folders of PPM files and as one raw file."""
    random = numpy.random.default_rng(3)
    pictures = numpy.zeros((COUNT, height, width, channels), numpy.uint8)
    for i in range(COUNT):
        step = (1, 2, 4, 8)[i % 4]
        small = random.integers(0, 256, (-(-height // step), -(-width // step), channels), dtype=numpy.uint8)
        pictures[i] = small.repeat(step, 0).repeat(step, 1)[:height, :width]
        file = folder / "train" / str(i % 10) / f"{i}.ppm"
        file.parent.mkdir(parents=True, exist_ok=True)
        kind = b"P5" if channels == 1 else b"P6"
        file.write_bytes(kind + b"\n%d %d\n255\n" % (width, height) + pictures[i].tobytes())
    (folder / "raw").write_bytes(pictures.tobytes())
    return pictures


def run_onnx(path, inputs, folder):
    """Logits, and the operators of the graph that onnxruntime made of it."""
    onnx.checker.check_model(str(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    # Without VNNI instructions onnxruntime's kernels of u8 values and s8 weights saturate in 16 bits; this asks for exact ones.
    options.add_session_config_entry("session.x64quantprecision", "1")
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    operators = [node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node]
    return session.run(None, {session.get_inputs()[0].name: inputs})[0], operators


def scaled(pictures, path):
    """What the file's own metadata say of its input."""
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    about = json.loads(metadata["automask.preprocessing"])
    mean, deviation = (numpy.array(about[key], numpy.float32) for key in ("mean", "deviation"))
    assert json.loads(metadata["automask.classes"])
    return ((pictures.astype(numpy.float32) / 255 - mean) / deviation).transpose(0, 3, 1, 2), metadata["automask.condition"]


def compare(name, size, folder):
    checkpoint = folder.parent / f"{name}.safetensors"
    pictures = write_pictures(folder, *size)
    automask("export", checkpoint, "--format", "onnx", "-o", folder / "float.onnx")
    automask("export", checkpoint, "--format", "package", "--numbers", "int8", "--pictures", COUNT, "--data", folder, "-o",
             folder / "int8.safetensors")
    automask("export", folder / "int8.safetensors", "--format", "onnx-qdq", "-o", folder / "qdq.onnx")
    real, integers = (logits_of(file, folder / "raw", folder) for file in (checkpoint, folder / "int8.safetensors"))
    worst, same, total = {"float": 0.0, "qdq": 0.0}, 0, 0
    for k, condition in enumerate(CONDITIONS):
        for form, expected in (("float", real[f"logits.{k}"]), ("qdq", integers[f"logits.{k}"])):
            path = folder / f"{form}-{condition}.onnx"
            inputs, named = scaled(pictures, path)
            assert named == condition.replace("-", ":"), named
            logits, operators = run_onnx(path, inputs, folder)
            assert logits.shape == expected.shape
            if operators[-1] == "Softmax" and form == "qdq":  # our integers end before it
                expected = numpy.exp(expected - expected.max(1, keepdims=True))
                expected /= expected.sum(1, keepdims=True)
            difference = numpy.abs(logits - expected)
            worst[form] = max(worst[form], float(difference.max() / numpy.abs(expected).max()))
            if form == "qdq":
                left = {"Conv", "FusedConv", "Gemm", "MatMul", "FusedGemm"} & set(operators)
                assert not left, f"{name}: onnxruntime executes {left} in floating point: {sorted(set(operators))}"
                same += int((logits.argmax(1) == expected.argmax(1)).sum())
                total += len(logits)
    print(f"{name:16} onnx {worst['float']:.1e}   onnx-qdq {worst['qdq']:.1e} of the largest logit; "
          f"same class on {same} of {total} pictures", flush=True)
    return worst, same, total


def main():
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="automask-peer-"))
    try:
        listed = subprocess.run([TOOL, "checkpoints", scratch], check=True, capture_output=True, text=True).stdout
        worst, same, total = {"float": 0.0, "qdq": 0.0}, 0, 0
        for line in listed.splitlines():
            name, *size = line.split()
            if NAMES and name not in NAMES:
                continue
            folder = scratch / f"{name}.d"
            folder.mkdir()
            found, agreed, of = compare(name, tuple(map(int, size)), folder)
            worst = {form: max(worst[form], found[form]) for form in worst}
            same, total = same + agreed, total + of
    finally:
        shutil.rmtree(scratch)
    print(f"largest differences: onnx {worst['float']:.1e} (allowed {FLOAT_TOLERANCE:.0e}), onnx-qdq {worst['qdq']:.1e} "
          f"(allowed {QDQ_TOLERANCE:.0e}); same class on {same} of {total}")
    sys.exit(0 if worst["float"] <= FLOAT_TOLERANCE and worst["qdq"] <= QDQ_TOLERANCE and same >= 0.95 * total else 1)


main()
