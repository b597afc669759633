"""What the comparisons share: imagecorruptions with its calls into newer libraries mended from outside, its random
numbers recorded, our operators behind corruptions_tool, and photographs that packages carry."""
import importlib.util
import json
import os
import pathlib
import subprocess
import warnings

warnings.simplefilter("ignore")

import cv2
import numpy as np
import skimage
import skimage.filters
from PIL import Image

cv2.setNumThreads(1)
np.float_ = np.float64  # gone in numpy 2, deprecated before
import imagecorruptions
from imagecorruptions import corruptions as reference


def _gaussian(*args, multichannel=None, **options):
    """skimage.filters.gaussian under its earlier signature."""
    if multichannel:
        options["channel_axis"] = -1
    return skimage.filters.gaussian(*args, **options)


reference.gaussian = _gaussian

FROST = pathlib.Path(imagecorruptions.__file__).parent / "frost"
NAMES = imagecorruptions.get_corruption_names("all")


class Recorder:
    """Within `with`, numpy.random draws from `seed` and everything drawn is kept in order."""

    FUNCTIONS = ("normal", "uniform", "randint", "poisson")

    def __init__(self, seed):
        self.source = np.random.RandomState(seed)
        self.generator = np.random.Generator(np.random.Philox(seed))
        self.drawn = []

    def _recording(self, function):
        def call(*args, **options):
            result = function(*args, **options)
            self.drawn.append(result)
            return result

        return call

    def __enter__(self):
        self.kept = {name: getattr(np.random, name) for name in self.FUNCTIONS + ("default_rng",)}
        for name in self.FUNCTIONS:
            setattr(np.random, name, self._recording(getattr(self.source, name)))
        recorder = self

        class Generator:
            random = staticmethod(recorder._recording(recorder.generator.random))

        np.random.default_rng = lambda *_: Generator
        return self

    def __exit__(self, *_):
        for name, function in self.kept.items():
            setattr(np.random, name, function)


def call_reference(name, picture, severity, seed):
    """The float picture before the cast to u8, and the numbers drawn."""
    with Recorder(seed) as recorder:
        result = getattr(reference, name)(Image.fromarray(picture), severity)
    return np.asarray(result, dtype=np.float64), recorder.drawn


class Tool:
    """Our operators; `before` and `environment` start the program differently."""

    def __init__(self, path, before=(), environment=None):
        self.process = subprocess.Popen([*before, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, **(environment or {})})

    def __call__(self, name, picture, severity, edition, field=None, **more):
        picture = np.ascontiguousarray(picture)
        rows, cols = picture.shape[:2]
        channels = 1 if picture.ndim == 2 else picture.shape[2]
        job = dict(operator=name, severity=severity, edition=edition, rows=rows, cols=cols, channels=channels, **more)
        numbers = b""
        if field is not None:
            field = np.ascontiguousarray(field, dtype=np.float32).ravel()
            job["field"], numbers = field.size, field.tobytes()
        pipe = self.process
        pipe.stdin.write(json.dumps(job).encode() + b"\n" + picture.tobytes() + numbers)
        pipe.stdin.flush()
        line = pipe.stdout.readline()
        if not line:
            raise SystemExit(f"corruptions_tool ended at {job}")
        self.answer = json.loads(line)
        return np.frombuffer(pipe.stdout.read(self.answer["bytes"]), np.uint8).reshape(picture.shape)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def photographs(side=224):
    """name -> RGB of side x side: resized as ImageNet's are (short side 8/7 of it), the centre cut out."""
    folders = {"skimage": pathlib.Path(skimage.__file__).parent / "data"}
    folders["sklearn"] = pathlib.Path(importlib.util.find_spec("sklearn").origin).parent / "datasets/images"
    files = [("skimage", name) for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg",
                                            "hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png")]
    files += [("sklearn", "china.jpg"), ("sklearn", "flower.jpg")]
    pictures = {}
    for folder, name in files:
        picture = Image.open(folders[folder] / name).convert("RGB")
        scale = side * 8 / 7 / min(picture.size)
        picture = picture.resize([max(side, round(n * scale)) for n in picture.size], Image.BILINEAR)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        pictures[name.split(".")[0]] = np.array(picture.crop((left, top, left + side, top + side)))
    return pictures
