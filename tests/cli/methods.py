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
sets = {"kill_test": 5, "general": 6, "slim_bn_k": 5, "dense_bn_k": 5, "slimmable": 3}
for (method, target), metrics in found.items():
    assert metrics["condition_sets", ""] == sets.get(method, 1), method
    assert len([c for name, c in metrics if name == "top1"]) == 5, method
    # An estimator goes with conditions, not with widths.
    assert (("predicted_top1", "clean") in metrics) == (sets.get(method, 0) >= 5), method

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

# A budget of time on a target that measures: it is asked before the training, once, and the record says so. First a time
# that no network meets: nothing is trained, but the costs are there, and a budget that binds follows from them.
def timed(name, seeds, ms_of):
    """A manifest whose budgets are ms_of[method]."""
    file = folder / f"{name}.json"
    file.write_text(json.dumps({
        "name": name, "include": [str(SOURCE / "experiments/smoke.json")],
        "datasets": {"fashion_mnist": {"limit": {"train": 600, "test": 100}}},
        "methods": {row: {"method": method, "latency_budget": {"ms": ms_of[row], "target": "cpu_int8"}}
                    for row, method in (("timed", "kill_test"), ("cleaned", "denoise"))},
        "targets": {"cpu_int8": {"runner": "cpu", "format": "int8", "threads": 1}},
        "seeds": seeds, "matrix": {"method": ["timed", "cleaned"], "target": ["cpu_int8"]}}))
    return file


automask("run", timed("impossible", [0], {"timed": 1e-9, "cleaned": 1e-9}), "--store", store, "--progress", "none", check=4)
refusals = [r["reason"] for r in rows(store, "select reason from runs where experiment = 'impossible'")]
assert len(refusals) == 2 and all("its smallest possible time is" in reason for reason in refusals), refusals
asked = {}
for file in (store / "cache" / "costs").glob("*/costs.json"):
    costs = json.loads(file.read_text())
    assert costs["evidence"] == "measured" and costs["runner"] == "cpu" and costs["format"] == "int8", costs
    denoised = any(layer["name"].startswith("denoiser.") for layer in costs["layers"])
    asked.setdefault("cleaned" if denoised else "timed", []).append(costs)
assert {name: len(found) for name, found in asked.items()} == {"timed": 1, "cleaned": 1}, asked
fixed_ms = {name: sum(layer["fixed_ms"] for layer in costs["layers"]) for name, (costs,) in asked.items()}
dense_ms = {name: costs["check"][0]["predicted_ms"] for name, (costs,) in asked.items()}
# So small a network's time is mostly fixed: of what channels decide on, six tenths.
wanted_ms = {name: fixed_ms[name] + 0.6 * (dense_ms[name] - fixed_ms[name]) for name in asked}
automask("run", timed("timed", [0, 1], wanted_ms), "--store", store, "--progress", "none", check=0)
trained = [json.loads(p.read_text())["details"]["training"] for p in (store / "cache" / "train").glob("*/result.json")]
trained = [t for t in trained if "latency" in t.get("log", {})]
assert sorted(t["method"] for t in trained) == ["denoise"] * 2 + ["kill_test"] * 2, trained
for t in trained:
    name = "cleaned" if t["method"] == "denoise" else "timed"
    latency, fixed, dense = t["log"]["latency"], fixed_ms[name], dense_ms[name]
    assert latency["evidence"] == "measured" and latency["budget_ms"] == wanted_ms[name], latency
    for predicted in latency["predicted_ms"].values():
        assert fixed + 0.3 * (dense - fixed) < predicted <= wanted_ms[name] * (1 + 1e-9) < dense, (latency, fixed, dense)
    assert all(share < 1 for share in t["mac_share"].values()), t["mac_share"]
plain = json.loads(automask("plan", folder / "timed.json", "--store", store, "--format", "json", check=0).stdout)
assert [s["stage"] for s in plain["rows"]].count("costs") == 2 and all(s["status"] == "hit" for s in plain["rows"]), plain["rows"]

# A condition more is learnt with weights as they are: what a device has to be sent are a few KiB. Either all conditions
# are learnt again on a frozen backbone, or those that the deployed network has stay as they are.
TWO, THREE = ["clean", "jpeg:q10"], ["clean", "jpeg:q10", "gaussian_noise:3"]


def run_of(name, conditions, method):
    """Target -> the run of one method under conditions."""
    one = {"name": name, "include": [str(SOURCE / "experiments/smoke.json")], "conditions": conditions,
           "datasets": {"fashion_mnist": {"limit": {"train": 600, "test": 100}}}, "methods": {name: method},
           "targets": manifest["targets"], "matrix": {"method": [name], "target": ["cpu", "cpu_int8"]}}
    (folder / f"{name}.json").write_text(json.dumps(one))
    automask("run", folder / f"{name}.json", "--store", store, "--progress", "none", check=0)
    return {r["target"]: r["run"][:16] for r in rows(store, f"select run, target from runs where experiment = '{name}'")}


def export(run, what, name):
    file = folder / name
    automask("export", run, "--format", what, "-o", file, "--store", store, "--progress", "none", check=0)
    return file


frozen = {"method": "dense_bn_k", "backbone": "frozen", "init": "clean"}
masked = {"method": "automask", "mac_budget": 0.6, "consensus": 0.3}
before = run_of("masked", TWO, masked)
more = {**masked, "backbone": "deployed", "init": str(export(before["cpu"], "checkpoint", "deployed.safetensors"))}
updates = {"frozen": (run_of("frozen_2", TWO, frozen), run_of("frozen_3", THREE, frozen)),
           "deployed": (before, run_of("masked_more", THREE, more))}
clean = [s for s in (store / "cache" / "train").glob("*/step.json")
         if json.loads(s.read_text())["parameters"]["method"]["method"] == "clean"]
assert len(clean) == 1, "one network for both to start from"
packages = {}
for kind, (first, second) in updates.items():
    for target in ("cpu", "cpu_int8"):
        old = packages[kind, target, 2] = export(first[target], "package", f"{kind}_{target}_2.safetensors")
        new = packages[kind, target, 3] = export(second[target], "package", f"{kind}_{target}_3.safetensors")
        update, back = folder / f"{kind}_{target}.update", folder / "back.safetensors"
        made = json.loads(automask("--format", "json", "update", "make", old, new, "-o", update, check=0).stdout)["rows"][0]
        automask("update", "apply", old, update, "-o", back, check=0)
        assert back.read_bytes() == new.read_bytes()
        data = update.read_bytes()
        tensors = {n.split(".")[0] for n in json.loads(data[8:8 + int.from_bytes(data[:8], "little")])} - {"__metadata__"}
        assert tensors <= {"masks", "normalisation", "integers", "estimator"}, f"weights are in it: {tensors}"
        assert made["bytes"] == update.stat().st_size < 6000, made
        print(f"{kind}, {target}: {made['bytes']} of {made['package bytes']} bytes for a condition more")

# To the last picture what was deployed is what it was.
accuracy = {}
for r in rows(store, "select k.experiment, k.target, m.condition, m.value from current_passed k join metric m on "
                     "m.run_id = k.run_id where m.name = 'top1' and k.experiment in ('masked', 'masked_more')"):
    accuracy[r["experiment"], r["target"], r["condition"]] = r["value"]
for target in ("cpu", "cpu_int8"):
    for condition in TWO:
        assert accuracy["masked", target, condition] == accuracy["masked_more", target, condition], accuracy
# Pictures that memory does not hold are read when they are shown: the same network.
automask("run", folder / "masked.json", "--store", folder / "other", "--set", "train.picture_memory=0", "--set", "train.workers=3",
         "--filter", "target=cpu", "--progress", "none", check=0)
digests = [{r["sha256"] for r in rows(s, "select a.sha256 from current_passed k join artifact a on a.run_id = k.run_id where "
                                        "k.experiment = 'masked' and k.target = 'cpu' and a.kind = 'checkpoint'")}
           for s in (store, folder / "other")]
assert digests[0] == digests[1] and len(digests[0]) == 1, digests
assert len(list((folder / "other" / "checked").iterdir())) >= 1, "they were read once before"

# What a network has seen that a manifest gives, or one that it was trained from, is not unseen: said before anything trains.
grown = run_of("grown", ["clean", "gaussian_noise:3"], {"method": "augment", "init": more["init"]})
grown_file = str(export(grown["cpu"], "checkpoint", "grown.safetensors"))
# What adapts at test time may have started from a file, too, frozen or not.
run_of("adapting", ["clean", "gaussian_noise:3"],
       {"method": "bn_adapt", "init": grown_file, "backbone": "frozen", "test_batch": 16})
for place, method in (("init", more), ("init", {**frozen, "init": grown_file}),
                      ("file", {"method": "external", "file": grown_file})):
    seen = {**json.loads((folder / "masked_more.json").read_text()), "name": "seen", "methods": {"seen": method},
            "conditions": ["clean", "gaussian_noise:3"], "matrix": {"method": ["seen"], "target": ["cpu"]},
            "held_out": ["jpeg:q5"]}
    (folder / "seen.json").write_text(json.dumps(seen))
    for command in (("plan",), ("run", "--progress", "none")):
        refused = automask(*command, folder / "seen.json", "--store", store, check=3)
        assert (f'seen.json: /methods/seen/{place}: the network was trained on "jpeg:q10", so it knows something of "jpeg:q5", '
                'which is held out') in refused.stderr, refused

no_weights = automask("export", packages["deployed", "cpu", 2], "--format", "checkpoint", "-o", folder / "none", "--store", store,
                      check=2)
assert "is a package" in no_weights.stderr and not (folder / "none").exists(), no_weights.stderr
refused = automask("update", "apply", packages["frozen", "cpu", 3], folder / "frozen_cpu_int8.update", "-o", folder / "none", check=8)
assert "apply it to the package that it was made for" in refused.stderr and not (folder / "none").exists(), refused.stderr

print(len(found), "cells")
