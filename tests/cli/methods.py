"""Every baseline from pictures to a row, as experiments/smoke_methods.json has them: methods.py BIN SOURCE."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fault"))
from common import *  # noqa: E402

need_fashion()
folder = scratch()
store = folder / "store"
manifest = json.loads((SOURCE / "experiments/smoke_methods.json").read_text())
automask("run", SOURCE / "experiments/smoke_methods.json", "--store", store, "--progress", "none", check=0)
found = {}
for row in rows(store, "select k.method, k.target, m.name as metric, m.condition, m.value from current_passed k "
                       "join metric m on m.run_id = k.run_id"):
    found.setdefault((row["method"], row["target"]), {})[row["metric"], row["condition"]] = row["value"]
assert set(found) == {(m, t) for m in manifest["matrix"]["method"] for t in manifest["matrix"]["target"]}, sorted(found)

# Sets of normalisation and mask: one, one per condition, or one per width.
sets = {"kill_test": 5, "slim_bn_k": 5, "dense_bn_k": 5, "slimmable": 3}
for (method, target), metrics in found.items():
    assert metrics["condition_sets", ""] == sets.get(method, 1), method
    assert len([c for name, c in metrics if name == "top1"]) == 5, method
    # An estimator goes with conditions, not with widths.
    assert (("predicted_top1", "clean") in metrics) == (sets.get(method) == 5), method

# MACs are counted on what is left, the denoiser included.
dense = found["dense_bn_k", "cpu"]["macs_dense", ""]
for method, options in manifest["methods"].items():
    macs = {c: v for (name, c), v in found[method, "cpu"].items() if name == "macs"}
    assert macs and max(macs.values()) <= options.get("mac_budget", 1) * dense, (method, macs)
    if "mac_budget" in options:
        assert max(macs.values()) > 0.5 * options["mac_budget"] * dense, (method, macs)
assert sorted(c for name, c in found["slimmable", "cpu"] if name == "macs") == ["width:0.25", "width:0.5", "width:1"]

# One mask for five normalisations: automask's package with its masks would be larger, the dense one far larger.
size = {method: found[method, "cpu_int8"]["package_bytes", ""] for method in manifest["methods"]}
assert size["kill_test"] < size["dense_bn_k"], size

# A width can be exported and is what it is called.
run = {r["method"]: r["run"][:12] for r in rows(store, "select run, method, target from runs") if r["target"] == "cpu"}
done = automask("--format", "json", "export", run["slimmable"], "--format", "onnx", "--condition", "width:0.5", "-o",
                folder / "half.onnx", "--store", store, "--progress", "none", check=0)
assert len(json.loads(done.stdout)["files"]) == 1
files = json.loads(automask("--format", "json", "export", run["slimmable"], "--format", "onnx", "-o", folder / "all.onnx",
                            "--store", store, "--progress", "none", check=0).stdout)["files"]
assert [pathlib.Path(f["file"]).name for f in files] == ["all-width-1.onnx", "all-width-0.5.onnx", "all-width-0.25.onnx"]
wrong = automask("export", run["slimmable"], "--format", "onnx", "--condition", "width:0.3", "-o", folder / "x.onnx",
                 "--store", store, "--progress", "none", check=2)
assert "none of the package's conditions" in wrong.stderr, wrong.stderr
verified = json.loads(automask("verify", run["slimmable"], "--format", "json", "--store", store, "--progress", "none",
                               check=0).stdout)
assert all(row["passed"] for row in verified["checks"]), verified
print(len(found), "cells")
