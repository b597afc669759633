#!/usr/bin/python3
"""Files that torch.save writes, read by automask: every value equals numpy's bit for bit.

    compare_weights.py AUTOMASK       needs Debian's python3-torch and python3-torchvision; ends with 77 where they miss
"""
import collections
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy
    import torch
    import torchvision
except ImportError as missing:
    print(f"skipped: {missing}; scripts/install-deps.sh --tests installs python3-torch and python3-torchvision")
    sys.exit(77)
import tensors

AUTOMASK = sys.argv[1]
DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32, torch.int16, torch.int8,
          torch.uint8, torch.bool]


def views():
    """One storage seen in many ways, in every number format."""
    torch.manual_seed(1)
    state = collections.OrderedDict()
    for dtype in DTYPES:
        base = (torch.randn(4, 6, 5) * 100).to(dtype)
        name = str(dtype).split(".")[1]
        state.update({f"{name}.whole": base, f"{name}.permuted": base.permute(2, 0, 1), f"{name}.row": base[1],
                      f"{name}.column": base[:, 2], f"{name}.steps": base[::2, 1:5:3, 1:], f"{name}.scalar": base[3, 2, 1],
                      f"{name}.transposed": base.reshape(24, 5).t(), f"{name}.expanded": base[:1, :1, :1].expand(3, 2, 2),
                      f"{name}.none": base[:0]})
    special = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1e-45, 1e-40, 3.4e38, 65504.0, 6e-8])
    for dtype in DTYPES[:4]:
        state[f"special.{dtype}"] = special.to(dtype)
    half_bits = torch.arange(-32768, 32768, dtype=torch.int16)
    state["every.half"] = torch.from_numpy(half_bits.numpy().view(numpy.float16).copy())
    state["every.bfloat"] = (half_bits.to(torch.int32) << 16).view(torch.float32).to(torch.bfloat16)
    state["parameter"] = torch.nn.Parameter(torch.randn(3, 3).t())
    state["channels_last"] = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    return state


def cases():
    state = views()
    network = torchvision.models.mobilenet_v2().state_dict()
    half = {name: value.half() if value.is_floating_point() else value for name, value in network.items()}
    wrapped = {"epoch": 7, "arch": "mobilenet_v2", "best_acc1": torch.tensor(71.8),
               "state_dict": {"module." + name: value for name, value in network.items()},
               "optimizer": {"state": {}, "param_groups": [{"lr": 0.1, "momentum": 0.9, "params": [0, 1]}]}}
    for kind, new in (("zip", True), ("legacy", False)):
        for protocol in (2, 4, 5):
            yield f"views {kind} protocol {protocol}", state, state, new, protocol
        yield f"network {kind}", network, network, new, 2
        yield f"half {kind}", half, half, new, 2
        yield f"wrapped {kind}", wrapped, network, new, 2


def main():
    failures = count = 0
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder) / "in.pth", pathlib.Path(folder) / "out.safetensors"
        for name, saved, expected, new, protocol in cases():
            torch.save(saved, source, _use_new_zipfile_serialization=new, pickle_protocol=protocol)
            subprocess.run([AUTOMASK, "models", "convert", source, target], check=True, stdout=subprocess.DEVNULL)
            read = tensors.read(target)
            wanted = {key: value.detach().to(torch.float32).numpy() for key, value in expected.items()
                      if not key.endswith("num_batches_tracked")}
            wrong = sorted(set(read) ^ set(wanted))
            for key in set(read) & set(wanted):
                a, b = read[key], wanted[key]
                same_nan = numpy.array_equal(numpy.isnan(a), numpy.isnan(b))
                bits = numpy.ascontiguousarray(a).view("<u4")[~numpy.isnan(a)] if a.ndim else a.reshape(1).view("<u4")
                other = numpy.ascontiguousarray(b).view("<u4")[~numpy.isnan(b)] if b.ndim else b.reshape(1).view("<u4")
                if a.shape != b.shape or not same_nan or not numpy.array_equal(bits, other):
                    wrong.append(key)
            count += len(wanted)
            failures += len(wrong)
            print(f"{name}: {len(wanted)} tensors, {len(wrong)} differ {wrong[:5] if wrong else ''}")
    print(f"{count} tensors, {failures} differ")
    sys.exit(1 if failures or count < 1000 else 0)


main()
