#!/usr/bin/python3
"""Writes the small files in tests/fuzz/corpus anew: seeds of the fuzz targets and fixtures of unit tests.

    tests/fuzz/make_corpus.py       needs python3-torch; the files are kept in the repository, so tests need it not
"""
import collections
import json
import pathlib
import struct
import zipfile

import torch

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def state_dict():
    """Values that tests/unit/models/torch_file_test.cpp knows: every layout and number format that matters."""
    line = torch.arange(24, dtype=torch.float32) / 4 - 2
    state = collections.OrderedDict()
    state["plain"] = line[:6].clone().reshape(2, 3)
    state["permuted"] = line.clone().reshape(2, 3, 4).permute(2, 0, 1)
    state["offset"] = line[5:12:2]
    state["half"] = torch.tensor([1.5, -0.0, 65504, 6e-8, float("inf")], dtype=torch.float16)
    state["bfloat"] = torch.tensor([1.5, -3e38, float("nan")], dtype=torch.bfloat16)
    state["double"] = torch.tensor([1 / 3, -1e300], dtype=torch.float64)
    state["parameter"] = torch.nn.Parameter(torch.tensor([7.0]))
    state["bn.num_batches_tracked"] = torch.tensor(3)
    state["empty"] = torch.zeros(0, 4)
    state._metadata = collections.OrderedDict([("", {"version": 1}), ("bn", {"version": 2})])
    return state


def safetensors(tensors, metadata=None):
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def networks():
    """Two that have nearly every operator of a graph between them."""
    nn = torch.nn

    class Joined(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(4)
            self.depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4)
            self.fc = nn.Linear(8, 3)

        def forward(self, x):
            x = torch.relu(self.bn1(self.conv1(x)))
            y = nn.functional.relu6(self.depthwise(x) + x)
            z = nn.functional.max_pool2d(torch.cat([x, y], 1), 3, 2, ceil_mode=True)
            return torch.softmax(self.fc(torch.flatten(nn.functional.adaptive_avg_pool2d(z, 1), 1)), 1)

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, (3, 1), padding=(1, 0))
            self.fc = nn.Linear(2, 2, bias=False)

        def forward(self, x):
            x = nn.functional.avg_pool2d(self.conv(x), 2, padding=1, count_include_pad=False)
            return self.fc(x.mean([2, 3]))

    return {"joined": (Joined(), (1, 3, 8, 8)), "plain": (Plain(), (1, 1, 5, 5))}


def cubin():
    """An ELF64 file with the sections that are read of a cubin: code, shared memory, .nv.info, symbols."""
    strings = b"\0kernel\0"
    symbols = bytes(24) + struct.pack("<IBBHQQ", 1, 0x12, 0, 1, 0, 64)
    facts = struct.pack("<BBHII", 4, 0x11, 8, 1, 16) + struct.pack("<BBHII", 4, 0x2F, 8, 1, 40)
    parts = [("", b"", 0), (".text.kernel", bytes(64), 40 << 24), (".nv.shared.kernel", bytes(128), 0), (".nv.info", facts, 0),
             (".symtab", symbols, 0), (".strtab", strings, 0)]
    names, offsets = b"", []
    for name, _, _ in [*parts, (".shstrtab", b"", 0)]:
        offsets.append(len(names))
        names += name.encode() + b"\0"
    parts.append((".shstrtab", names, 0))
    body, headers = b"", b""
    for (_, data, info), name in zip(parts, offsets):
        headers += struct.pack("<IIQQQQIIQQ", name, 1, 0, 0, 64 + len(body), len(data), 0, info, 1, 0)
        body += data
    elf = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 190, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64,
                                                   len(parts), len(parts) - 1)
    return elf + body + headers


def main():
    for kind in ("pth", "pickle", "onnx", "safetensors", "cubin"):
        (CORPUS / kind).mkdir(parents=True, exist_ok=True)
    (CORPUS / "cubin/kernel.cubin").write_bytes(cubin())
    torch.save(state_dict(), CORPUS / "pth/zip.pth")
    torch.save(state_dict(), CORPUS / "pth/legacy.pth", _use_new_zipfile_serialization=False)
    wrapped = {"epoch": 3, "best": 0.5, "state_dict": {"module.w": torch.ones(2), "module.b": torch.zeros(1)}, "optimizer": None}
    torch.save(wrapped, CORPUS / "pth/wrapped.pth")
    torch.save({"w": torch.ones(2)}, CORPUS / "pth/protocol4.pth", pickle_protocol=4)
    for name in ("zip", "wrapped", "protocol4"):
        with zipfile.ZipFile(CORPUS / f"pth/{name}.pth") as archive:
            (CORPUS / f"pickle/{name}.pkl").write_bytes(archive.read(f"{name}/data.pkl"))
    torch.manual_seed(1)
    for name, (network, shape) in networks().items():
        # The checker of the Python package, which Debian doesn't have, is not needed.
        torch.onnx.export(network.train(False), torch.zeros(shape), CORPUS / f"onnx/{name}.onnx", opset_version=13,
                          input_names=["picture"], output_names=["logits"], dynamic_axes={"picture": {0: "N"}},
                          training=torch.onnx.TrainingMode.PRESERVE)
    (CORPUS / "safetensors/mixed.safetensors").write_bytes(safetensors({
        "f32": ("F32", [2], struct.pack("<2f", 1.5, -2)),
        "f64": ("F64", [], struct.pack("<d", 0.1)),
        "f16": ("F16", [2, 1], struct.pack("<2e", 0.5, -4)),
        "bf16": ("BF16", [1], b"\x80\x3f"),
        "n.num_batches_tracked": ("I64", [], struct.pack("<q", 5)),
        "none": ("U8", [0], b""),
    }, {"format": "pt"}))


main()
