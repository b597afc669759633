#!/usr/bin/env python3
"""Time per picture of our corruptions and of imagecorruptions, side by side: one thread each, 224 x 224 photographs,
the mean over the five severities of the shortest time of several runs, ours and theirs taking turns.

    bench_corruptions.py TOOL [--edition fixed] [--photographs 3] [--repeat 5] [--operators NAME,...] [--format text|json]

Ours starts and ends at the picture's bytes in memory, theirs at imagecorruptions.corrupt's numpy arrays."""
import argparse
import json
import math
import platform
import time

import numpy as np

import peers
from peers import FROST, NAMES, Tool

# The unreleased version of imagecorruptions compiles this loop by numba; its time as measured elsewhere, in ms.
NUMBA_GLASS = 10.5


def their_time(picture, severity, name, repeat):
    best = math.inf
    for _ in range(repeat):
        start = time.perf_counter()
        peers.imagecorruptions.corrupt(picture, severity, name)
        best = min(best, 1e3 * (time.perf_counter() - start))
    return best


def measure(tool, name, pictures, options):
    ours, theirs = [], []
    frost = "" if options.edition == "fixed" else str(FROST)
    repeat = 1 if name == "glass_blur" else options.repeat
    for severity in range(1, 6):
        best = [math.inf, math.inf]
        for number, picture in enumerate(pictures if name != "glass_blur" else pictures[:1]):
            for _ in range(2):
                result = tool(name, picture, severity, options.edition, frost=frost, key=number, repeat=2 * options.repeat)
                assert np.any(result != picture), f"{name} changes nothing"
                best[0] = min([best[0]] + tool.answer["milliseconds"][1:])  # the first draws textures and tables
                best[1] = min(best[1], their_time(picture, severity, name, repeat))
        ours.append(best[0])
        theirs.append(best[1])
    return float(np.mean(ours)), float(np.mean(theirs))


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("tool")
    arguments.add_argument("--edition", default="fixed")
    arguments.add_argument("--photographs", type=int, default=3)
    arguments.add_argument("--repeat", type=int, default=5)
    arguments.add_argument("--operators")
    arguments.add_argument("--format", choices=["text", "json"], default="text")
    options = arguments.parse_args()
    names = options.operators.split(",") if options.operators else NAMES
    tool = Tool(options.tool)
    pictures = list(peers.photographs().values())[:options.photographs]
    rows = []
    for name in names:
        ours, theirs = measure(tool, name, pictures, options)
        rows.append({"corruption": name, "ours_ms": ours, "peer_ms": theirs, "ratio": theirs / ours})
    tool.close()
    released = geometric_mean([row["ratio"] for row in rows])
    numba = geometric_mean([(NUMBA_GLASS / row["ours_ms"]) if row["corruption"] == "glass_blur" else row["ratio"]
                            for row in rows])
    slowest = min(rows, key=lambda row: row["ratio"])
    if options.format == "json":
        print(json.dumps({"edition": options.edition, "side": 224, "threads": 1, "peer": "imagecorruptions 1.1.2",
                          "machine": platform.processor() or platform.machine(), "corruptions": rows,
                          "geometric_mean": released, "geometric_mean_glass_by_numba": numba}, indent=1))
        return
    print(f"{'corruption':19} {'ours ms':>8} {'peer ms':>9} {'ratio':>8}")
    for row in rows:
        print(f"{row['corruption']:19} {row['ours_ms']:8.3f} {row['peer_ms']:9.3f} {row['ratio']:8.1f}")
    print(f"geometric mean of {len(rows)}: {released:.1f} x (goal 15); with glass_blur at {NUMBA_GLASS} ms: {numba:.1f} x "
          f"(goal 12); smallest: {slowest['corruption']} {slowest['ratio']:.2f} x")


if __name__ == "__main__":
    main()
