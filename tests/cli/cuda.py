"""The CUDA runner in experiments: the kernels' top-1 is the reference's within 0.1 point in both formats, latencies are
modelled and say so, one measured on a driver of the tests' own calibrates the model: cuda.py BIN SOURCE FAKE_CUDA."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fault"))
from common import *  # noqa: E402

need_fashion()
folder = scratch()
store = folder / "store"
(store / "runners").mkdir(parents=True)


def register(name, *arguments, before=()):
    (store / "runners" / f"{name}.json").write_text(
        json.dumps({"name": name, "command": [*map(str, [*before, BIN / "automask-runner-cuda", *arguments])]}))


register("tx2-model", "--device", "shim")
register("gpu", "--cache", folder / "kernels",
         before=("/usr/bin/env", f"AUTOMASK_CUDA_DRIVER={sys.argv[3]}", f"AUTOMASK_NVRTC={sys.argv[3]}"))
manifest = folder / "cuda.json"
pictures = 1000
manifest.write_text(json.dumps({
    "name": "cuda", "include": [str(SMOKE)],
    "datasets": {"fashion_mnist": {"limit": {"test": pictures}}},
    "targets": {"reference": {"runner": "cpu", "format": "fp32", "min_latencies": 10},
                "shim_fp32": {"runner": "tx2-model", "format": "fp32", "min_latencies": 10},
                "shim_fp16": {"runner": "tx2-model", "format": "fp16", "min_latencies": 10},
                "absent": {"runner": "cuda", "format": "fp32", "limit": 20}},
    "matrix": {"method": ["automask"], "target": ["reference", "shim_fp32", "shim_fp16", "absent"]}}))
automask("run", manifest, "--store", store, "--progress", "none", "--filter", "target=reference|shim*", check=0)
automask("run", manifest, "--store", store, "--progress", "none", check=4)  # no GPU: a row that says why
found = rows(store, "select r.key as run, k.target, m.name as metric, m.condition, m.value, m.evidence, m.n from "
                    "current_passed k join run r on r.id = k.run_id join metric m on m.run_id = k.run_id")
metric = {(r["target"], r["metric"], r["condition"]): r for r in found}
conditions = sorted({r["condition"] for r in found if r["metric"] == "top1"})
assert len(conditions) == 5, conditions
worst = {}
for target in ("shim_fp32", "shim_fp16"):
    for kind in ("top1", "predicted_top1"):
        shares = {name: sum(metric[name, kind, c]["value"] for c in conditions) / len(conditions) for name in (target, "reference")}
        worst[target, kind] = abs(shares[target] - shares["reference"])
        assert worst[target, kind] <= 0.1, (target, kind, shares)
    for condition in conditions:
        assert metric[target, "top1", condition]["n"] == pictures
        assert metric[target, "latency_median", condition]["evidence"] == "modelled"
(state,) = rows(store, "select state, reason from runs where target = 'absent'")
assert state["state"] == "unsupported" and "no NVIDIA GPU can be used here" in state["reason"], dict(state)

# What layers cost, by the model.
tinynet = next(p for p in sorted((store / "cache").glob("compile/*/package.safetensors")))
asked = json.loads(automask("runners", "costs", "tx2-model", "--package", tinynet, "--store", store, "--format", "json", check=0).stdout)
assert asked["evidence"] == "modelled" and len(asked["layers"]) >= 5, asked

# Calibration, as on a board.
package = folder / "fp16.safetensors"
(run,) = {r["run"] for r in found if r["target"] == "shim_fp16"}
automask("export", run, "--format", "package", "--output", package, "--store", store, check=0)
arguments = ("--package", package, "--store", store, "--format", "json")
refused = automask("runners", "calibrate", "tx2-model", *arguments, check=2)
assert "fits a model to itself" in refused.stderr, refused.stderr
profile = folder / "my_tx2.json"
done = automask("runners", "calibrate", "gpu", *arguments, "--runs", 3, "--save", folder / "measured.json", "--output", profile, check=0)
report = json.loads(done.stdout)
assert report["error_after"] <= report["error_before"] and len(report["layers"]) >= 10, report
assert "--model" in done.stderr, done.stderr
again = automask("runners", "calibrate", "gpu", *arguments, "--measurements", folder / "measured.json", check=0)
assert json.loads(again.stdout) == report, "the same measurements, another fit"
register("calibrated", "--device", "shim", "--model", profile)
assert "modelled" in automask("runners", "probe", "calibrated", "--store", store, check=0).stdout
measured = json.loads((folder / "measured.json").read_text())
measured["conditions"] = [{**measured["conditions"][0], "layers": measured["conditions"][0]["layers"][:1]}]
(folder / "few.json").write_text(json.dumps(measured))
refused = automask("runners", "calibrate", "gpu", *arguments, "--measurements", folder / "few.json", check=2)
assert "measured layers are too few" in refused.stderr, refused.stderr
del measured["roofline"]
(folder / "few.json").write_text(json.dumps(measured))
refused = automask("runners", "calibrate", "gpu", *arguments, "--measurements", folder / "few.json", check=2)
assert 'neither "board_profile" nor "roofline"' in refused.stderr, refused.stderr
print(f"{pictures} pictures, {len(conditions)} conditions: differences in points", {k: round(v, 3) for k, v in worst.items()},
      f"; {len(report['layers'])} layers, error {100 * report['error_before']:.0f} % -> {100 * report['error_after']:.0f} %")
