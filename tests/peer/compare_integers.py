#!/usr/bin/env python3
"""INT8 packages executed with numpy, from docs/package.md alone: every logit must have the reference's bits.

    compare_integers.py TOOL"""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np

DTYPES = {"F32": "<f4", "I32": "<i4", "F16": "<f2", "I16": "<i2", "I8": "i1", "U8": "u1"}
SAME_SCALE = ("flatten", "dropout", "softmax")


def read_package(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(data[8 + size + begin:8 + size + end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return json.loads(metadata["automask_package"]), tensors


def round_shift(product, shift):
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    return (product + half) >> shift


def requantise(accumulator, entries, most):
    """`accumulator` [C, H, W]; entries of (bias, multiplier, shift), one for each channel or one for all."""
    bias, multiplier, shift = (np.asarray(part, np.int64).reshape(-1, 1, 1) for part in entries)
    return np.clip(round_shift((accumulator + bias) * multiplier, shift), -most, most)


def windows(x, node, value):
    """[C, out_h, out_w, kernel_h, kernel_w] of x, padded by `value`, and where in the padded picture windows begin."""
    kernel, stride, pad = node.get("kernel", [1, 1]), node.get("stride", [1, 1]), node.get("pad", [0, 0, 0, 0])
    dilation = node.get("dilation", [1, 1])
    sizes = []
    for axis in (0, 1):
        span = x.shape[1 + axis] + pad[axis] + pad[axis + 2] - dilation[axis] * (kernel[axis] - 1) - 1
        size = span // stride[axis] + 1
        if node.get("ceil_mode"):
            size = -(-span // stride[axis]) + 1
            if (size - 1) * stride[axis] >= x.shape[1 + axis] + pad[axis]:
                size -= 1
        sizes.append(size)
    after = [max(0, (sizes[a] - 1) * stride[a] + dilation[a] * (kernel[a] - 1) + 1 - x.shape[1 + a] - pad[a]) for a in (0, 1)]
    padded = np.pad(x, ((0, 0), (pad[0], after[0]), (pad[1], after[1])), constant_values=value)
    rows = np.arange(sizes[0])[:, None] * stride[0] + np.arange(kernel[0])[None] * dilation[0]
    cols = np.arange(sizes[1])[:, None] * stride[1] + np.arange(kernel[1])[None] * dilation[1]
    return padded[:, rows[:, None, :, None], cols[None, :, None, :]]


def conv2d(x, weight, node):
    groups = node.get("groups", 1)
    taken = windows(x, node, 0)
    inputs, outputs = x.shape[0] // groups, weight.shape[0] // groups
    parts = [np.einsum("chwij,ocij->ohw", taken[g * inputs:(g + 1) * inputs], weight[g * outputs:(g + 1) * outputs])
             for g in range(groups)]
    return np.concatenate(parts)


def reciprocal(count):
    shift = 14
    while 1 << (shift - 14) < count:
        shift += 1
    multiplier = (2 * (1 << shift) + count) // (2 * count)
    return (multiplier, shift) if multiplier < 32768 else (16384, shift - 1)


def avg_pool(x, node, most):
    total = windows(x, node, 0).sum((3, 4))
    pad = node.get("pad", [0, 0, 0, 0])
    ones = np.ones_like(x)
    if node.get("count_include_pad"):  # what the padding asks for counts, what ceil_mode adds beyond it does not
        ones = np.pad(ones, ((0, 0), (pad[0], pad[2]), (pad[1], pad[3])), constant_values=1)
        counted = np.zeros_like(total)
        kernel, stride = node.get("kernel", [1, 1]), node.get("stride", [1, 1])
        for i in range(total.shape[1]):
            for j in range(total.shape[2]):
                counted[:, i, j] = ones[0, i * stride[0]:i * stride[0] + kernel[0], j * stride[1]:j * stride[1] + kernel[1]].sum()
    else:
        counted = windows(ones, node, 0).sum((3, 4))
    pairs = {n: reciprocal(int(n)) for n in np.unique(counted)}
    multiplier = np.vectorize(lambda n: pairs[n][0], otypes=[np.int64])(counted)
    shift = np.vectorize(lambda n: pairs[n][1], otypes=[np.int64])(counted)
    return np.clip(round_shift(total * multiplier, shift), -most, most)


def folded_into(nodes):
    """Per node: the layer that an affine goes into, as section 8 says."""
    readers = [sum(node.get("inputs", []).count(i) for node in nodes) for i in range(len(nodes))]
    layer = [None] * len(nodes)
    for i, node in enumerate(nodes):
        if node["op"] != "affine" or readers[node["inputs"][0]] != 1:
            continue
        before = node["inputs"][0]
        layer[i] = before if nodes[before]["op"] in ("conv2d", "linear") else layer[before]
    return layer


def execute(structure, tensors, condition, picture):
    nodes = structure["graph"]["nodes"]
    number = structure["conditions"][condition]["normalisation"]
    bias, multiplier, shift = (tensors[f"integers.{number}.{part}"].astype(np.int64) for part in ("bias", "multiplier", "shift"))
    scale = tensors[f"integers.{number}.scale"]
    folded = folded_into(nodes)
    output = len(nodes) - 1
    while nodes[output]["op"] in SAME_SCALE:
        output = nodes[output]["inputs"][0]
    place = 0
    values = []
    # A layer's clamp is that of the node it stands for in the end.
    ends = {layer: i for i, layer in enumerate(folded) if layer is not None}
    for i, node in enumerate(nodes):
        op = node["op"]
        x = [values[j] for j in node.get("inputs", [])]
        wide = op in ("conv2d", "linear", "affine", "add", "global_avg_pool") and ends.get(i, i) == output
        most = 32767 if wide else 127

        def entries(count):
            nonlocal place
            place += count
            return tuple(part[place - count:place] for part in (bias, multiplier, shift))

        if op == "input":
            table = tensors["input_table"].astype(np.int64).reshape(-1, 256)
            y = np.stack([table[c][picture[:, :, c]] for c in range(picture.shape[2])])
        elif op == "conv2d":
            weight = tensors[node["name"] + ".weight"].astype(np.int64)
            y = requantise(conv2d(x[0], weight, node), entries(len(weight)), most)
        elif op == "linear":
            weight = tensors[node["name"] + ".weight"].astype(np.int64)
            y = requantise((weight @ x[0].reshape(-1)).reshape(-1, 1, 1), entries(len(weight)), most)
        elif op == "affine":
            y = x[0] if folded[i] is not None else requantise(256 * x[0], entries(len(x[0])), most)
        elif op == "relu":
            y = np.maximum(x[0], 0)
        elif op == "relu6":
            y = np.clip(x[0], 0, entries(1)[0][0])
        elif op == "add":
            _, m, s = entries(len(x))
            y = np.clip(round_shift(sum(a * b for a, b in zip(x, m)), s[0]), -most, most)
        elif op == "max_pool":
            y = windows(x[0], node, -10**6).max((3, 4))
        elif op == "avg_pool":
            y = avg_pool(x[0], node, most)
        elif op == "global_avg_pool":
            y = requantise(x[0].sum((1, 2), keepdims=True), entries(1), most)
        elif op == "concat":
            y = np.concatenate(x)
        elif op == "flatten":
            y = x[0].reshape(-1, 1, 1)
        else:
            assert op in SAME_SCALE, op
            y = x[0]
        values.append(y)
    assert place == len(bias), "entries are left over"
    return values[-1].reshape(-1).astype(np.float32) * scale[output]


def main():
    with tempfile.TemporaryDirectory(prefix="automask-integers-") as scratch:
        folder = pathlib.Path(scratch)
        names = subprocess.run([sys.argv[1], scratch], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        compared = different = 0
        for name in names:
            structure, tensors = read_package(folder / f"{name}.safetensors")
            channels, height, width = structure["graph"]["input"]
            pictures = np.frombuffer((folder / f"{name}.pictures").read_bytes(), np.uint8).reshape(-1, height, width, channels)
            for condition in (0, 1):
                expected = np.frombuffer((folder / f"{name}.{condition}.logits").read_bytes(), "<f4").reshape(len(pictures), -1)
                for picture, logits in zip(pictures, expected):
                    ours = execute(structure, tensors, condition, picture)
                    compared += logits.size
                    different += int((ours.view(np.uint32) != logits.view(np.uint32)).sum())
                assert np.ptp(expected) > 0, f"{name} answers the same for everything"
            print(f"{name}: {compared} logits so far, {different} differ", flush=True)
        assert names and different == 0


main()
