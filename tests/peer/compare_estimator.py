#!/usr/bin/env python3
"""The example runner's estimator (numpy, from docs/package.md) against the C++ one: the same statistics, the same condition.

    compare_estimator.py TOOL"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "hw_targets" / "examples" / "python"))
import automask_estimator  # noqa: E402
import automask_package  # noqa: E402

with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    subprocess.run([sys.argv[1], name], check=True)
    seen = set()
    for case in json.loads((folder / "cases.json").read_text()):
        package = automask_package.read((folder / (case["name"] + ".safetensors")).read_bytes())
        channels, height, width = package.picture
        pictures = np.fromfile(folder / (case["name"] + ".pictures"), np.uint8).reshape(-1, height, width, channels)
        assert len(pictures) == len(case["conditions"]) > 0
        for picture, statistics, condition in zip(pictures, case["statistics"], case["conditions"]):
            found = automask_estimator.statistics(picture)
            assert found == statistics, (case["name"], found, statistics)
            assert automask_estimator.estimate(package.estimator, picture) == condition, case["name"]
            seen.add(condition)
        print(case["name"], len(pictures), "pictures: same statistics, same conditions")
    assert seen == {0, 1, 2}, "a test of all conditions: %s" % seen
