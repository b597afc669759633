#!/usr/bin/env python3
"""Runs the real automask and holds what it prints against tests/cli/golden: check.py AUTOMASK [--approve].

A golden is the transcript of one scene: commands, stdout, stderr, exit codes. What varies is replaced by <holes> first.
"""
import difflib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

AUTOMASK = pathlib.Path(sys.argv[1]).resolve()
APPROVE = "--approve" in sys.argv[2:]
HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE / "golden"
CORPUS = HERE.parent / "fuzz/corpus"

MANIFEST = {
    "name": "small",
    "datasets": {"toy": {"reader": "idx", "path": "data", "input": [1, 28, 28]}},
    "conditions": ["clean", "jpeg:q20"],
    "models": {"tiny": {"name": "tinynet"}},
    "methods": {"plain": {"method": "clean"}, "masked": {"method": "automask", "mac_budget": 0.5}},
    "targets": {"host": {"runner": "cpu"}},
}
HOLES = [
    (r"\b[0-9a-f]{64}\b", "<sha256>"),
    (r"automask \d+\.\d+\.\d+ \([0-9a-z]+\)", "automask <version>"),
    (r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{10,12}\b", "<key>"),
    (r"\b[\d.]+ [GT]iB\b", "<much>"),
    (r"\bdone in [\d.]+ s\b", "done in <time>"),
    (r"20(?!24-01-01)\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<now>"),
]


# What sizes, times and rates are in scenes that write pictures.
NUMBERS = [
    (r'("(?:seconds|decode|operators|encode|write|decode_seconds|free_bytes)": )[-\d.e+]+', r"\1<number>"),
    (r"\b[\d.]+ (?:s|min [\d]+ s)\b", "<time>"),
    (r"\b[\d.]+ (?:B|[KMGT]iB)\b", "<bytes>"),
    (r"(has |instead of )\d+( bytes)?", r"\1<number>\2"),
    (r'("bytes": )[\d.]+', r"\1<number>"),
]


class Scene:
    """One temporary folder; every command in it goes into the transcript."""

    def __init__(self, name):
        self.name, self.text, self.holes = name, "", HOLES
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="automask-cli-"))
        data = self.folder / "data"
        data.mkdir()
        for file in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
            (data / f"{file}-ubyte").write_text(file)
        self.write("small.json", MANIFEST)

    def write(self, name, content):
        (self.folder / name).write_text(content if isinstance(content, str) else json.dumps(content, indent=1))

    def run(self, *arguments, show=True, report=True, **more):
        """report=False leaves the report's text out of the transcript: one scene shows it, all others need not change."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AUTOMASK_", "FAKE_", "XDG_"))}
        env.update({"AUTOMASK_STEP": str(HERE / "fake_step.py"), "HOME": str(self.folder), "COLUMNS": "100", **more})
        done = subprocess.run([AUTOMASK, *arguments], cwd=self.folder, env=env, capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL)
        if show:
            words = " ".join(a if re.fullmatch(r"[\w./=:,*-]+", a) else f"'{a}'" for a in arguments)
            prefix = "".join(f"{k}={v} " for k, v in more.items())
            stdout = done.stdout
            if not report:
                assert stdout.startswith("# AutoMask report: small\n"), stdout
                stdout = "...\n" + stdout[stdout.rindex("\nsmall: ") + 1:]
            self.text += f"$ {prefix}automask {words}\n{stdout}"
            if done.stderr:
                self.text += "".join(f"stderr: {line}\n" for line in done.stderr.splitlines())
            self.text += f"exit {done.returncode}\n\n"
        return done

    def finish(self):
        text = self.text.replace(str(self.folder), "<dir>")
        for pattern, hole in self.holes:
            text = re.sub(pattern, hole, text)
        shutil.rmtree(self.folder)
        return text


SCENES = {}


def scene(function):
    SCENES[function.__name__] = function
    return function


@scene
def help(s):
    s.run()
    s.run("--version")
    for command in ("init", "validate", "plan", "run", "query", "show", "report", "db", "doctor", "corrupt", "evaluate", "export", "verify", "completion"):
        s.run(command, "--help")


@scene
def usage(s):
    s.run("vlidate", "small.json")
    s.run("validate")
    s.run("validate", "small.json", "--lmit", "3")
    s.run("run", "small.json", "--jobs", "many")
    s.run("run", "small.json", "--jobs", "0")
    s.run("run", "small.json", "--keep-going", "--fail-fast")
    s.run("run", "small.json", "--progress", "josn")
    s.run("run", "small.json", "--format", "jsn")
    s.run("run", "small.json", "--filter", "metod=plain")
    s.run("run", "small.json", "--filter", "method=unplain")
    s.run("plan", "small.json", "--set", "nothing")
    s.run("plan", "small.json", "--data", "tay=/tmp")
    s.run("query", "--saved", "accuracy")
    s.run("query", "SELECT 1")
    s.run("query", "SELECT 1", "--list")
    s.run("show")
    s.run("completion", "fish")


@scene
def init(s):
    s.run("init", "study")
    s.run("init", "study")
    s.run("validate", "study/study.json")
    assert sorted(p.name for p in (s.folder / "study").iterdir()) == ["README.md", "manifest.schema.json", "study.json"]


@scene
def validate(s):
    s.run("validate", "small.json")
    s.run("validate", "small.json", "--format", "json")
    s.run("validate", "small.json", "--set", "/methods/masked/mac_budget=0.25", "--set", "train.epochs=2", "--limit", "50",
          "--data", "toy=/pictures", "--resolved")

    def bad(change):
        copy = json.loads(json.dumps(MANIFEST))
        change(copy)
        s.write("bad.json", copy)
        s.run("validate", "bad.json")

    bad(lambda m: m.update(tagets={}))
    bad(lambda m: m.update(train={"epoch": 1}))
    bad(lambda m: m.update(train={"epochs": "three"}))
    bad(lambda m: m["methods"]["masked"].update(method="automsk"))
    bad(lambda m: m["methods"]["plain"].update(mac_budget=0.5))
    bad(lambda m: m["conditions"].append("jpg:q10"))
    bad(lambda m: m["models"]["tiny"].update(name="tinnynet"))
    bad(lambda m: m.update(matrix={"method": ["plan"]}))
    bad(lambda m: m.update(include=["bad.json"]))
    bad(lambda m: m.update(include=["nowhere.json"]))
    s.write("bad.json", '{"name": "x",\n "datasets": {,}}')
    s.run("validate", "bad.json")
    s.run("validate", "nowhere.json")


@scene
def plan_and_run(s):
    s.run("plan", "small.json")
    s.run("run", "small.json")
    s.run("run", "small.json", report=False)
    s.run("plan", "small.json")
    s.run("plan", "small.json", "--set", "/methods/masked/mac_budget=0.4", "--explain")
    s.run("plan", "small.json", "--set", "conditions=[\"clean\",\"jpeg:q20\",\"contrast:2\"]", "--filter", "method=plain",
          "--explain", "--format", "csv")
    s.run("run", "small.json", "--filter", "method=plain", "--format", "json")
    assert "everything is up to date" in s.text


@scene
def failures(s):
    s.run("run", "small.json", report=False, FAKE_FAIL="train toy tiny masked")
    s.run("plan", "small.json", "--explain", "--filter", "method=masked")
    s.run("run", "small.json", "--progress", "jsonl", "--filter", "method=masked", report=False)
    shutil.rmtree(s.folder / "data")
    s.run("run", "small.json")


@scene
def gates(s):
    s.write("gated.json", {"include": ["small.json"], "gates": [{"metric": "top1", "condition": "clean", "min": 87}]})
    s.run("run", "gated.json", "--progress", "none", report=False)


@scene
def results(s):
    s.run("run", "small.json", show=False)
    s.run("query", "--saved", "accuracy_by_condition", "--format", "json")
    s.run("query", "SELECT method, condition, top1 FROM accuracy_by_condition ORDER BY method, condition", "--format", "csv")
    s.run("query", "SELECT method, condition, top1 FROM accuracy_by_condition ORDER BY method, condition", "--format", "md")
    s.run("query", "SELECT method, condition, top1 FROM accuracy_by_condition ORDER BY method, condition")
    by_condition = "SELECT method, top1 FROM accuracy_by_condition WHERE condition = :c AND top1 > :least ORDER BY method"
    s.run("query", by_condition, "--param", "c=clean", "--param", "least=0", "--format", "csv")
    s.run("query", by_condition, "--param", "c=clean")
    s.run("query", by_condition, "--param", "clean")
    s.run("query", "DELETE FROM run")
    s.run("query", "SELEKT 1")
    s.run("show")
    key = json.loads(s.run("query", "SELECT run FROM runs WHERE method = 'masked'", "--format", "json", show=False).stdout)
    prefix = key["rows"][0]["run"][:10]
    s.run("show", prefix)
    shown = json.loads(s.run("show", prefix, "--format", "json", show=False).stdout)
    assert shown["schema_version"] == 1 and shown["method"] == "masked" and len(shown["artifacts"]) == 6, shown
    s.run("show", "zzzz")
    s.run("report", "--output", "out")
    assert (s.folder / "out/report.html").read_text() and (s.folder / "out/report.md").read_text()
    s.run("report", "--experiment", "smal")
    (s.folder / ".automask/queries").mkdir()
    (s.folder / ".automask/queries/mine.sql").write_text("-- how many\nSELECT count(*) AS runs FROM runs;\n")
    s.run("query", "--saved", "mine", "--format", "csv")


@scene
def published(s):
    """Cells travel as files: what is merged elsewhere is known there and not done again."""
    # A cell names the machine it was measured on.
    s.holes = [(r"(small +2) +[\d]+\b", r"\1 <bytes>"), (r'("cells": 2, "bytes":) \d+', r"\1 <bytes>"),
               (r"(\(shared.json\) +)\d+", r"\1<bytes>"), (r'("cells": null, "bytes":) \d+', r"\1 <bytes>")] + HOLES
    s.run("run", "small.json", show=False)
    s.run("db", "export", "published")
    files = sorted(p.name for p in (s.folder / "published/small").iterdir())
    assert files == ["toy-tiny-masked-host-seed0.json", "toy-tiny-plain-host-seed0.json"], files
    s.run("db", "export", "published", "--experiment", "smal")
    s.run("db", "merge", "published", "--store", "there")
    s.run("db", "merge", "published", "--store", "there", "--format", "json")
    s.run("query", "--saved", "headline", "--store", "there", "--format", "json")
    s.run("query", "--saved", "differences", "--store", "there")
    s.run("plan", "small.json", "--store", "there")
    s.run("run", "small.json", "--store", "there", report=False)
    s.run("run", "small.json", "--store", "there", "--filter", "method=plain", "--ignore-imported", report=False)
    before = {p: p.read_bytes() for p in (s.folder / "published").rglob("*.json")}
    s.run("db", "export", "again", "--store", "there", "--format", "json")
    cell = s.folder / "published/small/toy-tiny-plain-host-seed0.json"
    for fault in ('"passed"', '"pased"'), ('"cell"', '"cel"'), ('"$": ["', '"$": ["0'), ("{", "["):
        cell.write_bytes(before[cell].replace(fault[0].encode(), fault[1].encode(), 1))
        s.run("db", "merge", "published", "--store", "other")
    (s.folder / "published/shared.json").unlink()
    s.run("db", "merge", "published", "--store", "other")
    s.run("db", "merge", "nowhere")
    s.run("db", "merge", "data")


@scene
def models(s):
    for command in ((), ("list",), ("info",), ("convert",)):
        s.run("models", *command, "--help")
    s.run("models", "list")
    s.run("models", "list", "--format", "csv")
    s.run("models", "info", "tinynet", "--layers")
    s.run("models", "info", "tinynet", "--input", "1x20x20", "--classes", "3", "--format", "json")
    for name in ("zip.pth", "wrapped.pth"):
        shutil.copy(CORPUS / "pth" / name, s.folder / name)
    shutil.copy(CORPUS / "onnx/plain.onnx", s.folder / "plain.onnx")
    s.run("models", "info", "zip.pth", "--layers")
    s.run("models", "info", "plain.onnx", "--layers")
    s.run("models", "convert", "zip.pth", "zip.safetensors")
    s.run("models", "convert", "plain.onnx", "plain.safetensors", "--format", "json")
    s.run("models", "convert", "plain.safetensors", "again.onnx")
    s.run("models", "info", "again.onnx", "--format", "md")
    # What does not work says why.
    s.run("models", "lst")
    s.run("models", "info", "resnet81")
    s.run("models", "info", "resnet18", "--input", "224")
    s.run("models", "convert", "wrapped.pth", "w.onnx")
    s.run("models", "convert", "wrapped.pth", "w.onnx", "--model", "resnet18")
    s.run("models", "convert", "wrapped.pth", "w.onnx", "--model", "resnet-18")
    s.run("models", "convert", "wrapped.pth", "w.pth")
    s.run("models", "convert", "small.json", "w.safetensors")
    s.run("models", "convert", "nowhere.pth", "w.safetensors")
    (s.folder / "cut.pth").write_bytes((s.folder / "zip.pth").read_bytes()[:-50])
    s.run("models", "convert", "cut.pth", "w.safetensors")
    assert not (s.folder / "w.safetensors").exists() and not (s.folder / "w.onnx").exists()


@scene
def packages(s):
    s.run("export")
    s.run("export", "nowhere", "--format", "onnx")
    s.run("export", "00aa", "--format", "onnx")
    s.run("export", "small.json", "--format", "onx")
    s.run("export", "small.json", "--format", "onnx", "--numbers", "fp16")
    s.run("export", "small.json", "--format", "onnx-qdq", "--numbers", "fp32")
    s.run("export", "small.json", "--format", "package", "--condition", "clean")
    s.run("export", "data", "--format", "package")
    s.run("export", "resnet18", "--format", "package")
    s.run("export", "small.json", "--format", "package", "--numbers", "fp16", "--calibrate", "mse")
    s.run("verify", "small.json", "--target", "cpuu")
    s.run("verify", "small.json", "--split", "tst")
    s.run("verify", "small.json", "--max-loss", "-1")
    # A network that is executed nowhere: its file says too little, or it is ours and everything works.
    shutil.copy(CORPUS / "onnx/plain.onnx", s.folder / "plain.onnx")
    s.run("export", "plain.onnx", "--format", "package", "--progress", "none")
    s.run("export", "small.json", "--format", "onnx", "--progress", "none")
    assert not list(s.folder.glob("*.safetensors"))


@scene
def stores(s):
    s.run("run", "small.json", "--store", "here", "--progress", "none", show=False)
    assert (s.folder / "here/results.sqlite").exists() and not (s.folder / ".automask").exists()
    s.run("query", "SELECT count(*) AS runs FROM runs", "--format", "csv", AUTOMASK_STORE="here")
    (s.folder / "here/results.sqlite").write_bytes(b"this is no database" * 100)
    s.run("query", "SELECT 1", "--store", "here")
    s.run("run", "small.json", "--store", "here")


def photos(s):
    """Four pictures in two classes, as PPM, which needs no library."""
    for number in range(4):
        width, height = 40 + number, 32
        pixels = bytes((x * 5 + y * 3 * (c + 1) + 40 * number) % 256 for y in range(height) for x in range(width)
                       for c in range(3))
        file = s.folder / "photos" / ("cat" if number % 2 else "dog") / f"{number}.ppm"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"P6\n%d %d\n255\n" % (width, height) + pixels)


@scene
def corrupt_usage(s):
    photos(s)
    s.run("corrupt")
    s.run("corrupt", "photos")
    s.run("corrupt", "photos", "out", "--corruptions", "fogg")
    s.run("corrupt", "photos", "out", "--severities", "6")
    s.run("corrupt", "photos", "out", "--condition", "shot_noise:9")
    s.run("corrupt", "photos", "out", "--condition", "shot_nois:3")
    s.run("corrupt", "photos", "out", "--layout", "folders")
    s.run("corrupt", "photos", "out", "--output", "jpeg86")
    s.run("corrupt", "photos", "out", "--preprocess", "imagenet")
    s.run("corrupt", "photos", "out", "--variant", "compt")
    s.run("corrupt", "photos", "out", "--variant", "compat")
    s.run("corrupt", "photos", "out", "--shard", "3/2")
    s.run("corrupt", "photos", "out", "--pictures-per-shard", "0")
    s.run("corrupt", "photos", "out", "--sed", "3")
    s.run("corrupt", "photo", "out")
    s.run("corrupt", "photos", "photos/out")
    s.run("corrupt", "--verify", "photos")
    assert not (s.folder / "out").exists() and not (s.folder / "photos/out").exists()
    s.run("evaluate", "--data", "photos")
    s.run("evaluate", "--weights", "none.safetensors", "--data", "photos", "--condition", "jpg:q30")
    s.run("evaluate", "--weights", "none.safetensors", "--data", "photos", "--normaliser", "none.json")
    s.run("evaluate", "--weights", "none.safetensors", "--data", "photos", "--progress", "none")


@scene
def corrupt(s):
    photos(s)
    s.holes = NUMBERS + HOLES
    job = ["corrupt", "photos", "out", "--corruptions", "contrast", "--severities", "1,3", "--condition",
           "shot_noise:3 > jpeg:q30", "--threads", "2"]
    s.run(*job, "--dry-run", "--progress", "none")
    s.run(*job, "--dry-run", "--progress", "none", "--format", "json")
    assert not (s.folder / "out").exists()
    s.run(*job)
    files = sorted(str(p.relative_to(s.folder / "out")) for p in (s.folder / "out").rglob("*") if p.is_file())
    assert len(files) == 13 and files[0] == "contrast/1/cat/1.png" and "index.jsonl" in files, files
    s.run(*job)
    s.run(*job, "--seed", "1")
    s.run("corrupt", "--verify", "out", "--progress", "none")
    s.run("corrupt", "--verify", "photos", "out", "--progress", "none", "--format", "json")
    (s.folder / "out/contrast/1/cat/1.png").unlink()
    (s.folder / "out/contrast/3/dog/0.png").write_bytes(b"short")
    s.run("corrupt", "--verify", "out", "--progress", "none")
    s.run("corrupt", "--verify", "out", "--progress", "none", "--format", "json")
    # A journal is what is left of an interrupted run: the index without its last picture.
    index = s.folder / "out/index.jsonl"
    (s.folder / "out/index.jsonl.unfinished").write_text("".join(index.read_text().splitlines(True)[:-1]))
    index.unlink()
    s.run(*job, "--progress", "none")
    s.run("corrupt", "--verify", "out", "--progress", "none")
    s.run(*job, "--resume", "--progress", "none")
    (s.folder / "photos/cat/bad.ppm").write_bytes(b"P6\n9 9\n255\n")
    other = ["corrupt", "photos", "other", "--condition", "jpeg:q30", "--layout", "shards", "--shard", "1/1", "--progress", "none"]
    s.run(*other)
    s.run(*other, "--resume", "--keep-going", "--format", "json")
    assert sorted(p.name for p in (s.folder / "other").rglob("*.*")) == ["index.jsonl", "shard-000000.tar"]


def completion_works():
    script = subprocess.run([AUTOMASK, "completion", "bash"], capture_output=True, text=True, check=True).stdout
    ask = script + '\nCOMP_WORDS=(automask pl); COMP_CWORD=1; _automask; echo "${COMPREPLY[@]}"' \
        '\nCOMP_WORDS=(automask plan x.json --ex); COMP_CWORD=3; _automask; echo "${COMPREPLY[@]}"' \
        '\nCOMP_WORDS=(automask plan --format j); COMP_CWORD=3; _automask; echo "${COMPREPLY[@]}"' \
        '\nCOMP_WORDS=(automask corr); COMP_CWORD=1; _automask; echo "${COMPREPLY[@]}"' \
        '\nCOMP_WORDS=(automask corrupt a b --keep); COMP_CWORD=4; _automask; echo "${COMPREPLY[@]}"' \
        '\nCOMP_WORDS=(automask evaluate --wei); COMP_CWORD=2; _automask; echo "${COMPREPLY[@]}"' \
        '\nCOMP_WORDS=(automask export x --num); COMP_CWORD=3; _automask; echo "${COMPREPLY[@]}"' \
        '\nCOMP_WORDS=(automask export x --format on); COMP_CWORD=4; _automask; echo "${COMPREPLY[@]}"' \
        '\nCOMP_WORDS=(automask verify x --max); COMP_CWORD=3; _automask; echo "${COMPREPLY[@]}"' \
        '\nCOMP_WORDS=(automask models co); COMP_CWORD=2; _automask; echo "${COMPREPLY[@]}"' \
        '\nCOMP_WORDS=(automask models info --lay); COMP_CWORD=3; _automask; echo "${COMPREPLY[@]}"\n'
    wanted = ["plan", "--explain", "json", "corrupt", "--keep-going", "--weights", "--numbers", "onnx", "onnx-qdq", "--max-loss", "convert",
              "--layers"]
    answer = subprocess.run(["bash", "-c", ask], capture_output=True, text=True)
    return answer.stdout.split() == wanted and not answer.stderr


def links_lightly():
    """LibTorch costs 0.45 s of start-up, OpenCV's imgcodecs 0.2 s: automask must need neither, directly or not."""
    libraries = subprocess.run(["ldd", AUTOMASK], capture_output=True, text=True).stdout
    return "libstdc++" in libraries and not re.search(r"^\s*lib(torch|c10|opencv|gdal)", libraries, re.MULTILINE)


def doctor_answers():
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([AUTOMASK, "doctor", "--format", "json"], cwd=folder, capture_output=True, text=True, timeout=60)
        rows = json.loads(done.stdout)["rows"]
    failed = any(row["status"] == "fail" for row in rows)
    checks = {row["check"] for row in rows}
    return {"store", "disk", "automask-step", "runner cpu", "sqlite", "governor"} <= checks and done.returncode == int(failed) \
        and all(row["remedy"] for row in rows if row["status"] == "fail")


failed = []
for name, function in SCENES.items():
    s = Scene(name)
    function(s)
    text, golden = s.finish(), GOLDEN / f"{name}.txt"
    if APPROVE:
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text(text)
        continue
    expected = golden.read_text() if golden.exists() else ""
    if text != expected:
        failed.append(name)
        sys.stdout.writelines(difflib.unified_diff(expected.splitlines(True), text.splitlines(True), f"golden/{name}.txt", "now"))
for check in (completion_works, links_lightly, doctor_answers):
    if not check():
        failed.append(check.__name__)
if failed:
    sys.exit("failed: " + ", ".join(failed) + "; if the change is meant, run tests/cli/approve.sh and read the difference")
print(f"{len(SCENES)} scenes and 3 checks passed")
