"""On the whole corrupted test set of Fashion-MNIST the INT8 runner is right exactly as often as the integer reference:
integer_accuracy.py BIN SOURCE."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fault"))
from common import *  # noqa: E402

need_fashion()
folder = scratch()
store = folder / "store"
manifest = folder / "integers.json"
manifest.write_text(json.dumps({
    "name": "integers", "include": [str(SMOKE)],
    "datasets": {"fashion_mnist": {"limit": {"test": 10000}}},
    "targets": {"q": {"runner": "cpu", "format": "int8", "threads": 2}},
    "matrix": {"method": ["automask"], "target": ["q"]}}))
automask("run", manifest, "--store", store, "--progress", "none", check=0)
(run,) = [row["run"] for row in rows(store, "select run from runs")]
recorded = {row["condition"]: row["top1"] for row in rows(store, "select condition, top1 from accuracy_by_condition")}
assert len(recorded) == 5, recorded

# 4: so short a training may leave logits that INT8 changes by more than verify allows, which is not asked here.
verified = automask("verify", run, "--limit", "10000", "--format", "json", "--store", store, "--progress", "none")
assert verified.returncode in (0, 4), verified
reference = {row["condition"]: row for row in json.loads(verified.stdout)["accuracy"]}
for condition, top1 in recorded.items():
    row = reference[condition]
    assert row["n"] == 10000, row
    assert round(100 * top1) == round(100 * row["package"]) and abs(top1 - row["package"]) < 1e-9, (condition, top1, row)
print(f"{len(recorded)} x 10000 pictures: " + ", ".join(f"{c} {t:.2f} %" for c, t in recorded.items()))
