#!/usr/bin/env python3
"""Our decoders and our preprocessing against PIL, in one run, bit for bit.

    compare_readers.py TOOL [--photographs TAR]

Decoded pixels: JPEG gray, RGB, CMYK and YCCK, baseline and progressive, in every sampling; PNG of every colour type and
depth, interlaced too; WebP; PGM and PPM; against Image.open(FILE).convert("L" or "RGB"). They may differ in one case:
gray PNGs of 16 bits, of which PIL's convert cuts everything above 255 to white while we take the upper 8 bits. (Gray and
alpha of 16 bits is gray here and RGB of three equal channels in PIL, which is the same picture.)

Preprocessing: torchvision's Resize(256) on a PIL picture is Image.resize with BILINEAR to 256 x int(256 * long / short),
its CenterCrop(224) starts at round((side - 224) / 2). Pictures three times as tall as wide may differ by one level: since
Pillow 13 their rows are resized before their columns (python-pillow/Pillow#9549), and what is between is rounded."""
import argparse
import io
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import warnings

import numpy as np
import skimage
from PIL import Image

warnings.simplefilter("ignore")  # of palettes with transparency, which is dropped here on purpose


class Tool:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, job, pixels=b""):
        """The picture, or the sentence that refuses it."""
        self.process.stdin.write(json.dumps(job).encode() + b"\n" + pixels)
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"readers_tool ended at {job}")
        answer = json.loads(line)
        if "error" in answer:
            return answer["error"]
        shape = [answer["rows"], answer["cols"], answer["channels"]]
        picture = np.frombuffer(self.process.stdout.read(int(np.prod(shape))), np.uint8).reshape(shape)
        return picture[..., 0] if shape[2] == 1 else picture


def saved(picture, form, **options):
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def without_adobe(jpeg):
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2:at + 4], "big"):]


def as_ycck(jpeg):
    """The same components, said to be YCCK: the last byte of Adobe's marker."""
    at = jpeg.index(b"Adobe")
    return jpeg[:at + 11] + b"\x02" + jpeg[at + 12:]


def jpegs(photograph):
    samplings = {"444": 0, "422": 1, "420": 2}
    for progressive in (False, True):
        for quality in (30, 92, 100):
            end = f"q{quality}" + ("-progressive" if progressive else "")
            options = dict(quality=quality, progressive=progressive)
            yield "gray-" + end, saved(photograph.convert("L"), "JPEG", **options)
            for name, number in samplings.items():
                yield f"{name}-{end}", saved(photograph, "JPEG", subsampling=number, **options)
            yield "rgb-" + end, saved(photograph, "JPEG", keep_rgb=True, **options)
            inks = saved(photograph.convert("CMYK"), "JPEG", **options)
            yield "cmyk-" + end, inks
            yield "cmyk-unmarked-" + end, without_adobe(inks)
            yield "ycck-" + end, as_ycck(inks)
    yield "restarts", saved(photograph, "JPEG", restart_marker_rows=1)
    for sampling in ("2x2", "1x2", "4x1", "1x1"):
        yield "magick-" + sampling, magick(photograph, "jpg", "-sampling-factor", sampling, "-quality", "85")


def magick(photograph, form, *options):
    """ImageMagick writes what PIL cannot."""
    command = ["convert", "ppm:-", *options, form + ":-"]
    return subprocess.run(command, input=saved(photograph.convert("RGB"), "PPM"), stdout=subprocess.PIPE, check=True).stdout


def pngs(photograph):
    transparent = photograph.convert("RGBA")
    transparent.putalpha(photograph.convert("L"))
    for mode in ("1", "L", "RGB", "P"):
        yield mode, saved(photograph.convert(mode), "PNG")
    yield "RGBA", saved(transparent, "PNG")
    yield "LA", saved(transparent.convert("LA"), "PNG")
    for bits in (1, 2, 4, 8):
        few = photograph.quantize(1 << bits)
        yield f"P{bits}", saved(few, "PNG", bits=bits)
        yield f"P{bits}-transparent", saved(few, "PNG", bits=bits, transparency=bytes([0, 128]))
    yield "RGB-transparent", saved(photograph, "PNG", transparency=photograph.getpixel((0, 0)))
    for interlace in ("None", "PNG"):
        for kind, depths in (("0", (1, 2, 4, 8, 16)), ("2", (8, 16)), ("3", (1, 2, 4, 8)), ("4", (8, 16)), ("6", (8, 16))):
            for depth in depths:
                more = ["-resize", "97x89!"]
                more += ["-colors", str(max(2, (1 << depth) - 2))] if kind == "3" else ["-colorspace", "Gray"] if kind in "04" else []
                more += ["-alpha", "set", "-channel", "A", "-evaluate", "set", "40%", "+channel"] if kind in "46" else []
                more += ["-depth", str(depth), "-interlace", interlace]
                more += ["-define", f"png:color-type={kind}", "-define", f"png:bit-depth={depth}"]
                made = magick(photograph, "png", *more)
                assert (made[25], made[24], made[28]) == (int(kind), depth, interlace == "PNG"), more
                yield f"magick-{kind}-{depth}-{interlace}", made


def others(photograph):
    transparent = photograph.convert("RGBA")
    transparent.putalpha(photograph.convert("L"))
    yield "lossless.webp", saved(photograph, "WEBP", lossless=True)
    yield "transparent.webp", saved(transparent, "WEBP", lossless=True, exact=True)
    for quality in (10, 60, 95):
        yield f"q{quality}.webp", saved(photograph, "WEBP", quality=quality)
        yield f"transparent-q{quality}.webp", saved(transparent, "WEBP", quality=quality, exact=True)
    yield "x.ppm", saved(photograph, "PPM")
    yield "x.pgm", saved(photograph.convert("L"), "PPM")


def by_pil(path):
    """Gray for what is stored gray, else RGB; None where PIL refuses the file."""
    try:
        with Image.open(path) as picture:
            return np.array(picture.convert("L" if picture.mode in ("1", "L", "LA") else "RGB"))
    except (OSError, SyntaxError, ValueError):
        return None


class Comparison:
    def __init__(self, tool, folder):
        self.tool, self.folder, self.failures, self.counts = tool, folder, [], {}

    def count(self, kind):
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def decoded(self, kind, name, data):
        path = self.folder / "picture"
        path.write_bytes(data)
        ours, theirs = self.tool({"file": str(path)}), by_pil(path)
        self.count(kind)
        if name.startswith("magick-0-16") and not isinstance(ours, str):  # the one case that may differ
            with Image.open(path) as picture:
                assert picture.mode == "I;16", picture.mode
                theirs = (np.array(picture) >> 8).astype(np.uint8)
        if name.startswith("magick-4-16") and not isinstance(ours, str):
            ours = np.repeat(ours[..., None], 3, axis=2)
        if isinstance(ours, str) or theirs is None:
            self.failures.append(f"{kind} {name}: {ours if isinstance(ours, str) else 'refused by PIL'}")
        elif ours.shape != theirs.shape:
            self.failures.append(f"{kind} {name}: {ours.shape} and {theirs.shape}")
        elif not np.array_equal(ours, theirs):
            d = np.abs(ours.astype(int) - theirs)
            self.failures.append(f"{kind} {name}: differs by {d.max()} at most, in {100 * (d > 0).mean():.3f} % of the values")

    def damaged(self, name, data, random, rounds):
        """A byte changed in the middle: both refuse it, or both show the same."""
        path = self.folder / "picture"
        for _ in range(rounds):
            bytes_ = bytearray(data)
            bytes_[random.randint(len(data) // 4, len(data) - 16)] ^= 1 << random.randint(8)
            path.write_bytes(bytes_)
            ours, theirs = self.tool({"file": str(path)}), by_pil(path)
            self.count("damaged")
            if isinstance(ours, str) != (theirs is None):
                self.failures.append(f"damaged {name}: {ours if isinstance(ours, str) else 'read'}, PIL "
                                     + ("refuses it" if theirs is None else "reads it"))
            elif theirs is not None and not np.array_equal(ours, theirs):
                self.failures.append(f"damaged {name}: differs from PIL")

    def prepared(self, name, picture):
        """picture: of PIL, gray or RGB."""
        pixels = np.array(picture)
        job = dict(rows=pixels.shape[0], cols=pixels.shape[1], channels=1 if pixels.ndim == 2 else 3)
        ours = self.tool(job, pixels.tobytes())
        width, height = picture.size
        size = (256, int(256 * height / width)) if width <= height else (int(256 * width / height), 256)
        resized = picture.resize(size, Image.BILINEAR)
        left, top = round((size[0] - 224) / 2), round((size[1] - 224) / 2)
        theirs = np.array(resized.crop((left, top, left + 224, top + 224)))
        self.count("preprocessing")
        worst = np.abs(ours.astype(int) - theirs).max() if ours.shape == theirs.shape else 256
        self.worst = max(getattr(self, "worst", 0), worst)
        if worst > (1 if height > 3 * width else 0):
            self.failures.append(f"preprocessing {name} of {picture.size}: differs by {worst}")


def own_photographs():
    folder = pathlib.Path(skimage.__file__).parent / "data"
    return {name: Image.open(folder / name).convert("RGB") for name in ("astronaut.png", "chelsea.png", "coffee.png")}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("tool")
    default = pathlib.Path(__file__).resolve().parents[3] / "shared/data/imagenet_samples_500.tar"
    arguments.add_argument("--photographs", default=default, type=pathlib.Path)
    options = arguments.parse_args()
    photographs = own_photographs()
    with tempfile.TemporaryDirectory() as folder:
        tool = Tool(options.tool)
        comparison = Comparison(tool, pathlib.Path(folder))
        for name, photograph in photographs.items():
            photograph = photograph.crop((0, 0, 301, 203))
            for kind, made in (("JPEG", jpegs), ("PNG", pngs), ("other", others)):
                for form, data in made(photograph):
                    comparison.decoded(kind, f"{form} of {name}", data)
            random = np.random.RandomState(3)
            for progressive in (False, True):
                comparison.damaged("progressive" if progressive else "baseline",
                                   saved(photograph, "JPEG", progressive=progressive), random, 60)
        for name, photograph in photographs.items():
            for size in ((1, 1), (1, 700), (700, 1), (37, 41), (223, 225), (224, 224), (255, 256), (256, 256), (256, 257),
                         (257, 999), (500, 375), (333, 500), (512, 511), (1201, 77)):
                odd = photograph.resize(size, Image.BICUBIC)
                comparison.prepared(name, odd)
                comparison.prepared("gray " + name, odd.convert("L"))
        if options.photographs.exists():
            with tarfile.open(options.photographs) as tar:
                for number, member in enumerate(tar):
                    if not member.isfile():
                        continue
                    data = tar.extractfile(member).read()
                    comparison.decoded("ImageNet", member.name, data)
                    if number % 5 == 0:
                        picture = Image.open(io.BytesIO(data))
                        comparison.prepared(member.name, picture if picture.mode == "L" else picture.convert("RGB"))
        else:
            print(f"without ImageNet's photographs: {options.photographs} is not there")
        tool.process.stdin.close()
        tool.process.wait()
    for line in comparison.failures:
        print("FAILED", line)
    print(", ".join(f"{count} {kind}" for kind, count in comparison.counts.items())
          + f"; preprocessing differs by {comparison.worst} at most; {len(comparison.failures)} failures")
    sys.exit(1 if comparison.failures else 0)


if __name__ == "__main__":
    main()
