#!/usr/bin/env python3
"""Every manifest of experiments/ must pass `automask validate` and `automask plan`, and the published cells must be
read: manifests.py AUTOMASK SOURCE_DIR.

Plans need pictures to name, not to look at: the data sets here have a file or two of the right kind.
"""
import gzip
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

AUTOMASK, SOURCE = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])


def idx(path, shape):
    header = struct.pack(">HBB", 0, 8, len(shape)) + b"".join(struct.pack(">I", n) for n in shape)
    size = 1
    for n in shape:
        size *= n
    with gzip.open(path, "wb") as file:
        file.write(header + bytes(size))


def fashion(folder):
    folder.mkdir()
    for split in ("train", "t10k"):
        idx(folder / f"{split}-images-idx3-ubyte.gz", (10, 28, 28))
        idx(folder / f"{split}-labels-idx1-ubyte.gz", (10,))


def folders(folder, classes):
    for split in ("train", "test"):
        for name in classes:
            (folder / split / name).mkdir(parents=True)
            (folder / split / name / "0.jpg").write_bytes(b"not looked at")


def call(*arguments):
    done = subprocess.run([AUTOMASK, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"automask {' '.join(map(str, arguments))} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def differences(wanted, found, place=""):
    """What a manifest asks of a method and a cell's parameters do not have."""
    for key, value in wanted.items():
        if key in ("description", "file", "checkpoint_seconds"):
            continue
        at = f"{place}/{key}"
        if key not in found:
            yield f"{at} is missing"
        elif isinstance(value, dict) and key != "frequencies":
            yield from differences(value, found[key], at)
        elif value != found[key] and key != "frequencies":
            yield f"{at} is {found[key]}, the manifest has {value}"


def methods_of(manifest):
    """Its entries and those of what it includes. An entry that says which method it is, is a new one: one of the same
    name in an included file would add options that it does not mean."""
    document = json.loads(manifest.read_text())
    included = {}
    for file in document.get("include", []):
        included.update(methods_of(manifest.parent / file))
    own = document.get("methods", {})
    for name, entry in own.items():
        if "method" in entry and name in included:
            sys.exit(f"{manifest}: /methods/{name}: an included manifest has one of that name; rename it, or change only "
                     "options")
    return {**included, **own}


def unchanged(files):
    """A published cell is of the manifest as it is, as far as can be seen without its data: else `automask run` would
    train it again. (Defaults are held against the program's by PublishedCells.ParametersAreWrittenAsTheyWere.)"""
    manifests = {}
    for path in (SOURCE / "experiments").rglob("*.json"):
        if path.name != "manifest.schema.json" and "published" not in path.parts:
            resolved = json.loads(call("validate", path, "--resolved"))
            manifests[resolved["name"]] = resolved
    shared = json.loads((SOURCE / "experiments/published/shared.json").read_text())
    keys = {**shared["keys"], **shared["cell_keys"]}

    def whole(value):
        if isinstance(value, list):
            return [whole(child) for child in value]
        if not isinstance(value, dict):
            return value
        if set(value) != {"$"}:
            return {k: whole(v) for k, v in value.items()}
        if isinstance(value["$"], str):
            return whole(shared["parts"][value["$"]])
        return dict(zip(keys[value["$"][0]], map(whole, value["$"][1:])))

    for file in files:
        cell = whole(json.loads(file.read_text())["cell"])
        manifest = manifests[cell["experiment"]]
        before = whole(shared["manifests"][cell["manifest"]])["document"]
        for kind, name in (("models", cell["model"]), ("targets", cell["target"]), ("conditions", None)):
            then, now = (m[kind] if name is None else m[kind][name] for m in (before, manifest))
            if then != now:
                sys.exit(f"{file}: /{kind} was {then}, the manifest has {now}")
        method = dict(manifest["methods"][cell["method"]])
        method["train"] = {**manifest.get("train", {}), **method.get("train", {})}
        # A teacher's schedule is written where it is not its student's.
        if (teacher := method.get("distillation", {})).get("train", {}).items() <= method["train"].items() and "train" in teacher:
            method["distillation"] = {key: value for key, value in teacher.items() if key != "train"}
        for fault in differences(method, whole(shared["parameters"][cell["parameters"]])):
            sys.exit(f"{file}: {fault}")


def published(work):
    """Cells of earlier runs: under 1 MiB, of manifests that are here, and every one of them answers a query."""
    files = list((SOURCE / "experiments/published").rglob("*.json"))
    size = sum(file.stat().st_size for file in files)
    files = [file for file in files if file.name != "shared.json"]
    if size > 1 << 20:
        sys.exit(f"the published cells take {size} bytes, more than 1 MiB")
    names = {json.loads(p.read_text())["name"] for p in (SOURCE / "experiments").rglob("*.json")
             if p.name != "manifest.schema.json" and "published" not in p.parts}
    store = work / "merged"
    call("db", "merge", SOURCE / "experiments/published", "--store", store)
    rows = json.loads(call("query", "--saved", "headline", "--store", store, "--format", "json"))["rows"]
    found = {row["experiment"] for row in rows}
    folders = {file.parent.name for file in files}
    if found != folders or not found <= names:
        sys.exit(f"published are {sorted(folders)}, asked for were {sorted(found)}, the manifests are {sorted(names)}")
    for row in rows:
        if not 10 < row["mean_top1"] < 100 or row["seeds"] < 1:
            sys.exit(f"a published row says little: {row}")
    unchanged(files)
    print(f"{len(files)} published cells, {size} bytes, {len(rows)} rows")


def main():
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        fashion(work / "fashion_mnist")
        # Of published weights a plan wants the digest.
        (work / "weights").mkdir()
        for model in ("resnet18", "resnet34", "resnet50", "vgg16", "alexnet", "mobilenet_v2", "squeezenet1_1",
                      "googlenet", "efficientnet_lite0"):
            (work / "weights" / f"{model}.pth").write_bytes(b"not looked at")
        manifests = sorted(p for p in (SOURCE / "experiments").rglob("*.json")
                           if p.name != "manifest.schema.json" and "published" not in p.parts)
        for manifest in manifests:
            document = json.loads(call("validate", manifest, "--resolved"))
            methods_of(manifest)
            call("validate", manifest, "--device", "cuda", "--set", "train.mixed_precision=true")
            data = []
            for dataset, spec in document["datasets"].items():
                folder = work / dataset
                if spec["reader"] == "image_folder" and not folder.exists():
                    folders(folder, spec.get("classes") or ["a", "b"])
                if spec["reader"] == "imagenet" and not folder.exists():
                    (folder / "val/n01440764").mkdir(parents=True)
                    (folder / "val/n01440764/0.jpg").write_bytes(b"not looked at")
                data += ["--data", f"{dataset}={folder}"]
            for target in document["targets"].values():  # a plan starts none of them
                file = work / "store/runners" / f"{target['runner']}.json"
                file.parent.mkdir(parents=True, exist_ok=True)
                if target["runner"] != "cpu":
                    file.write_text(json.dumps({"name": target["runner"], "command": ["true"]}))
            plan = json.loads(call("plan", manifest, "--store", work / "store", "--format", "json",
                                   "--weights", work / "weights", *data))
            cells = plan["cells"]
            print(f"{manifest.relative_to(SOURCE)}: {cells} cells")
            if cells == 0:
                sys.exit("a manifest without cells compares nothing")
        if len(manifests) < 3:
            sys.exit("the manifests are not where they were looked for")
        published(work)


if __name__ == "__main__":
    main()
