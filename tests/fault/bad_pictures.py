"""Pictures that are broken, strange or not what they say: a sentence and exit code 4, and the rest goes on on demand."""
import resource

from pictures import *

need_imagemagick()
folder = scratch()
source = folder / "source"
photographs(source, 4)
rose, cats = folder / "rose.png", source / "class0"
convert("rose:", "-strip", rose)

# Strange, and read.
convert(rose, "-colorspace", "CMYK", cats / "cmyk.jpg")
convert(rose, "-depth", "16", f"png48:{cats / 'deep.png'}")
convert(rose, "-interlace", "JPEG", cats / "progressive.jpg")
convert(rose, "-colors", "16", f"png8:{cats / 'palette.png'}")
shutil.copy(rose, cats / "mislabelled.JPEG")
strange = ["cmyk.jpg", "deep.png", "mislabelled.JPEG", "palette.png", "progressive.jpg"]

# Broken, with what is said of each.
broken = {}


def bad(name, words, content=None):
    broken["class0/" + name] = words
    if content is not None:
        (cats / name).write_bytes(content)


whole = (cats / "000.jpg").read_bytes()
bad("animated.png", "is a GIF")
convert("-delay", "10", rose, rose, f"gif:{cats / 'animated.png'}")
bad("bomb.png", "has 20000 x 20000 pixels, more than the limit")
png(cats / "bomb.png", 20000, 20000, bytes(60001))
bad("cut.jpg", "truncated", whole[: len(whole) // 2])
bad("cut.png", "truncated", rose.read_bytes()[: rose.stat().st_size // 2])
bad("empty.jpg", "is empty", b"")
bad("text.png", "is no JPEG, PNG, WebP or PNM picture", b"<html>404</html>")

job = ["corrupt", source, folder / "out", "--corruptions", "fog", "--severities", "3", "--condition", "jpeg:q30"]
done = automask(*job, check=4)
assert any(f"{name}: " in done.stderr and words in done.stderr for name, words in broken.items()), done.stderr
assert "--keep-going" in done.stderr and "terminate" not in done.stderr, done.stderr
done = automask(*job, "--resume", "--keep-going", "--format", "json", check=4)
summary = json.loads(done.stdout)
assert summary["skipped"] == len(broken) and summary["written"] + summary["found"] == 9, summary
for name, words in broken.items():
    assert f"{name}: " in done.stderr, f"nothing was said of {name}: {done.stderr}"

header, lines = index(folder / "out")
assert header["pictures"] == len(lines) == 9 + len(broken), (header["pictures"], len(lines))
errors = {line["path"]: line["error"] for line in lines if "error" in line}
assert errors.keys() == broken.keys(), errors
for name, words in broken.items():
    assert words in errors[name], f"{words!r} is missing in: {errors[name]}"
for name in strange:
    assert (folder / "out/jpeg/q30/class0" / name).with_suffix(".png").is_file(), name
assert not any(pathlib.Path(name).stem in str(p) for name in broken for p in (folder / "out/fog").rglob("*.*"))
automask("corrupt", "--verify", folder / "out", check=0)
again = automask(*job, "--keep-going", check=4)
assert f"9 pictures under 2 conditions are there, {len(broken)} were left out" in again.stdout, again.stdout

# The 1.2 GB of the bomb were never taken.
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
assert peak < 500, f"{peak:.0f} MiB"

# Without them nothing is left out, and the others' bytes are the same.
for name in broken:
    (source / name).unlink()
automask(*job[:2], folder / "good", *job[3:], check=0)
ours, theirs = tree(folder / "good"), tree(folder / "out")
ours.pop("index.jsonl"), theirs.pop("index.jsonl")
assert ours == theirs
print(f"{len(broken)} broken pictures told and left out, {len(lines) - len(broken)} written; peak {peak:.0f} MiB")

# Training pictures that are read when they are shown: the damaged one is named before the training, not in the middle.
for split in ("train", "test"):
    photographs(folder / "small" / split, 12)
damaged = folder / "small/train/class1/001.png"
damaged.write_bytes((sound := damaged.read_bytes())[:200])
manifest = folder / "reads.json"
manifest.write_text(json.dumps({
    "name": "reads", "datasets": {"small": {"reader": "image_folder", "path": str(folder / "small"), "input": [3, 32, 32], "resize": 32, "validation": 3}},
    "conditions": ["clean"], "models": {"tinynet": {"name": "tinynet"}}, "methods": {"clean": {"method": "clean"}},
    "train": {"epochs": 1, "batch": 4, "picture_memory": 0, "threads": 1},
    "targets": {"cpu": {"runner": "cpu", "format": "fp32", "threads": 1}}, "seeds": [0]}))
store = folder / "store"
run = ("run", manifest, "--store", store, "--progress", "plain")
refused = automask(*run, check=4)
assert "class1/001.png: is a truncated picture; replace or remove this picture" in refused.stderr, refused
assert not (store / "checked").exists()
damaged.write_bytes(sound)
automask(*run, check=0)
noted = {file: file.stat().st_mtime_ns for file in (store / "checked").iterdir()}
assert sorted(file.read_text() for file in noted) == ["3 pictures\n", "9 pictures\n"], "training and validation"
automask(*run, "--set", "seeds=[1]", check=0)
assert {file: file.stat().st_mtime_ns for file in (store / "checked").iterdir()} == noted, "read once"
