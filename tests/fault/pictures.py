"""Pictures for the tests of `automask corrupt`, and a look at what it wrote."""
import hashlib
import shutil
import struct
import subprocess
import zlib

from common import *

# ImageMagick 6 by the name that Debian gives it, which nothing else has; `rose:` is a photograph that it carries.
CONVERT = shutil.which("convert-im6.q16") or shutil.which("convert-im6") or shutil.which("convert")


def need_imagemagick():
    if CONVERT is None:
        skip("ImageMagick is absent (Debian package imagemagick)")


def convert(*arguments):
    subprocess.run([CONVERT, *map(str, arguments)], check=True)


def png(file, width, height, rows):
    """An RGB PNG whose header may promise more than `rows` (bytes) hold."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def photographs(folder, count, side=64):
    """`count` different crops and brightnesses of the rose, in three classes."""
    for number in range(count):
        file = folder / f"class{number % 3}" / f"{number:03}.{'png' if number % 2 else 'jpg'}"
        file.parent.mkdir(parents=True, exist_ok=True)
        convert("rose:", "-resize", f"{side + number % 5}x{side}!", "-modulate", 80 + number % 40, "-strip", file)


def tree(folder):
    """path -> SHA-256 of every file."""
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(folder.rglob("*")) if p.is_file()}


def index(folder):
    lines = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
    return lines[0], lines[1:]
