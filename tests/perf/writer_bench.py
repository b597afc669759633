#!/usr/bin/env python3
"""What the writer costs: writer_bench.py BIN SRC [PICTURES]. SRC is a tar with photographs.

1. All 75 variants of ImageNet-C of the first PICTURES (default 24) at 224 x 224: the share of decoding, operators and
   encoding in the threads' time, to be at least 90 %, and the gain of a second core, to be at least 1.8. A thread of its
   own waits for the file system, so one thread on one core is compared with two on two. All take turns, and the shares
   compare a run with itself, so that a busy machine matters less. What was written
   stays until all runs are over: ext4 hands out inodes slowly for some seconds after thousands were deleted. The
   pictures stand in two classes: ImageNet has 50 to a class, and a folder for each would cost as much as its file.
2. Peak memory for 20 and for 200 pictures, to be the same, and for one of 1 and of 12 megapixels: under 500 MiB up to
   1 megapixel, 300 bytes for each further pixel and thread.
"""
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

BIN, SOURCE = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
PICTURES = int(sys.argv[3]) if len(sys.argv) > 3 else 24


def load():
    return f"load {os.getloadavg()[0]:.1f}"


def corrupt(source, *options, threads=1, cores=None):
    """The summary, with the peak of the process that did the work in MiB. The output stays under `scratch`."""
    folder = tempfile.mkdtemp(dir=scratch)
    command = [BIN / "automask", "corrupt", source, pathlib.Path(folder) / "out", "--threads", threads, "--format", "json",
               "--progress", "none", *options]
    pin = ["taskset", "-c", f"0-{cores - 1}"] if cores else []
    child = subprocess.Popen([*pin, *[str(c) for c in command]], stdout=subprocess.PIPE, text=True)
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, f"{command} ended with {status}"
    return json.loads(out) | {"peak": usage.ru_maxrss / 1024}


def first_paths(folder, count):
    """A list of the first `count` pictures, from an index that one cheap run writes."""
    with tempfile.TemporaryDirectory(prefix="automask-bench-") as out:
        subprocess.run([BIN / "automask", "corrupt", SOURCE, out + "/x", "--condition", "clean", "--output", "raw", "--preprocess",
                        "imagenet224", "--progress", "none"], check=True, stdout=subprocess.DEVNULL)
        lines = (pathlib.Path(out) / "x/index.jsonl").read_text().splitlines()[1:]
    paths = [json.loads(line)["path"] for line in lines]
    file = pathlib.Path(folder) / f"first-{count}"
    file.write_text("\n".join(paths[:: max(1, len(paths) // count)][:count]) + "\n")
    return file


def two_classes(folder, count):
    """The first `count` photographs as an image folder of two classes."""
    source = pathlib.Path(folder) / "photographs"
    with tarfile.open(SOURCE) as tar:
        members = [m for m in tar if m.isfile()]
        for number, member in enumerate(members[:: max(1, len(members) // count)][:count]):
            file = source / "ab"[number % 2] / pathlib.Path(member.name).name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(tar.extractfile(member).read())
    return source


def speed(folder):
    source = two_classes(folder, PICTURES)
    options = ["--corruptions", "imagenet-c", "--preprocess", "imagenet224"]
    seconds = {(1, 1): [], (1, 2): [], (2, 2): []}  # threads, cores
    for _ in range(3):
        for threads, cores in seconds:
            one = corrupt(source, *options, threads=threads, cores=cores)
            parts = one["thread_seconds"]
            work = parts["decode"] + parts["operators"] + parts["encode"]
            seconds[threads, cores].append(one["seconds"])
            print(f"{threads} thread(s) on {cores} core(s): {one['written']} pictures x 75 in {one['seconds']:.2f} s, "
                  f"{100 * work / (work + parts['write']):.1f} % of the threads' time is decode {parts['decode']:.2f} + operators "
                  f"{parts['operators']:.2f} + encode {parts['encode']:.2f} s, {100 * work / (threads * one['seconds']):.1f} % "
                  f"of {threads} x the time; {load()}", flush=True)
    best = {key: min(value) for key, value in seconds.items()}
    print(f"two threads on two cores are {best[1, 1] / best[2, 2]:.2f} x as fast as one on one, {best[1, 2] / best[2, 2]:.2f} x as "
          f"one thread that has the second core for its files (best of 3 each)", flush=True)


def large(folder, width, height):
    """A picture that is hard to compress, as photographs are."""
    file = pathlib.Path(folder) / f"{width}x{height}" / "a" / "x.ppm"
    file.parent.mkdir(parents=True)
    row = os.urandom(3 * width)
    file.write_bytes(b"P6\n%d %d\n255\n" % (width, height) +
                     b"".join(bytes(row[(7 * y) % len(row):] + row[:(7 * y) % len(row)]) for y in range(height)))
    return file.parent.parent


def memory(folder):
    few = ["--corruptions", "gaussian_noise,zoom_blur,fog", "--severities", "3", "--preprocess", "imagenet224"]
    for count in (20, 200):
        for layout in ("folder", "shards"):
            one = corrupt(SOURCE, *few, "--layout", layout, "--subset", first_paths(folder, count), threads=2)
            print(f"{one['written']} pictures, {layout}: peak {one['peak']:.0f} MiB", flush=True)
    for width, height in ((1000, 1000), (4000, 3000)):
        source, pixels = large(folder, width, height), width * height
        for layout in ("folder", "shards"):
            one = corrupt(source, "--corruptions", "all", "--severities", "5", "--layout", layout)
            limit = 500 + 300 * max(0, pixels - 1e6) / 2**20
            print(f"{width} x {height} under 19 corruptions, {layout}: peak {one['peak']:.0f} MiB of {limit:.0f}; "
                  f"{one['seconds']:.0f} s", flush=True)


with tempfile.TemporaryDirectory(prefix="automask-bench-") as scratch:
    speed(scratch)
    memory(scratch)
