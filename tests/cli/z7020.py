"""The Z7020 in experiments: a simulated row's accuracy is the integer reference's and says so; a board's row is measured;
`runners calibrate` fits a profile: z7020.py BIN SOURCE. The board is one of files, its engine the C simulation."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fault"))
from common import *  # noqa: E402

need_fashion()
folder = scratch()
store = folder / "store"
(store / "runners").mkdir(parents=True)
board = folder / "board"
engine = subprocess.Popen([BIN / "z7020_fake_board", board], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
assert engine.stdout.readline() == "ready\n"


def register(name, *arguments):
    (store / "runners" / f"{name}.json").write_text(
        json.dumps({"name": name, "command": ["automask-runner-z7020", *map(str, arguments)]}))


register("sim", "--board", "zedboard")
on_board = ("--port", "board", "--root", board, "--buffer", "udmabuf0", "--clock", "100")
register("board", *on_board)
manifest = folder / "z7020.json"
manifest.write_text(json.dumps({
    "name": "z7020", "include": [str(SMOKE)],
    "datasets": {"fashion_mnist": {"limit": {"test": 300}}},
    "targets": {"slow": {"runner": "sim", "format": "int8", "clock_mhz": 100},
                "fast": {"runner": "sim", "format": "int8"},
                "board": {"runner": "board", "format": "int8", "min_latencies": 10, "limit": 20}},
    "matrix": {"method": ["automask"], "target": ["slow", "fast", "board"]}}))
automask("run", manifest, "--store", store, "--progress", "none", check=0)
found = rows(store, "select r.key as run, k.target, m.name as metric, m.condition, m.value, m.evidence, m.n from "
                    "current_passed k join run r on r.id = k.run_id join metric m on m.run_id = k.run_id")
metric = {(r["target"], r["metric"], r["condition"]): r for r in found}
conditions = sorted({r["condition"] for r in found if r["metric"] == "top1"})
assert len(conditions) == 5, conditions
(run,) = {r["run"] for r in found if r["target"] == "fast"}

# The reference's accuracy over all pictures, and how many of them the simulation executed.
verified = automask("verify", run, "--limit", "300", "--format", "json", "--store", store, "--progress", "none")
assert verified.returncode in (0, 4), verified
reference = {row["condition"]: row for row in json.loads(verified.stdout)["accuracy"]}
for condition in conditions:
    top1 = metric["fast", "top1", condition]
    assert top1["n"] == 300 and abs(top1["value"] - reference[condition]["package"]) < 1e-9, (top1, reference[condition])
    assert metric["slow", "top1", condition]["value"] == top1["value"]
    agreed = metric["fast", "reference_pictures", condition]
    assert agreed["value"] == 16 and agreed["n"] == 16, agreed
    slow, fast = (metric[t, "latency_median", condition] for t in ("slow", "fast"))
    assert slow["evidence"] == fast["evidence"] == "modelled" and slow["value"] > fast["value"], (slow, fast)
    measured = metric["board", "latency_median", condition]
    assert measured["evidence"] == "measured" and measured["n"] >= 10, measured
    assert metric["board", "top1", condition]["n"] == 20, "the target's limit"
    assert ("board", "reference_pictures", condition) not in metric
    for name in ("predicted_top1", "estimator_accuracy"):
        predicted = metric["fast", name, condition]
        assert predicted["n"] == 300 and predicted["evidence"] == top1["evidence"], (predicted, top1)
    assert ("fast", "predicted_latency_median", condition) not in metric
    assert ("fast", "energy", condition) not in metric and ("board", "energy", condition) not in metric
assert abs(metric["fast", "mean_top1_trained", ""]["value"] -
           sum(metric["fast", "predicted_top1", c]["value"] for c in conditions) / len(conditions)) < 1e-9
shown = automask("show", run, "--store", store, "--format", "json", check=0).stdout
assert "the integer reference's over all pictures" in shown, shown

# Of a limited number of pictures the simulation says what a device that executes them all does, bit for bit: with the right
# condition and with the predicted one, of one package with several sets and of a package for each condition.
limited = folder / "limited.json"
limited.write_text(json.dumps({
    "name": "limited", "include": [str(SMOKE)],
    "datasets": {"fashion_mnist": {"limit": {"test": 300}}},
    "methods": {"separate": {"method": "separate", "mac_budget": 0.5, "lanes": 2}},
    "targets": {"sim": {"runner": "sim", "format": "int8", "limit": 40},
                "host": {"runner": "cpu", "format": "int8", "min_latencies": 10, "limit": 40}},
    "matrix": {"method": ["automask", "separate"], "target": ["sim", "host"]}}))
automask("run", limited, "--store", store, "--progress", "none", check=0)
few = {(r["method"], r["target"], r["metric"], r["condition"]): r
       for r in rows(store, "select k.method, k.target, m.name as metric, m.condition, m.value, m.evidence, m.n from "
                            "current_passed k join metric m on m.run_id = k.run_id where k.experiment = 'limited'")}
for method in ("automask", "separate"):
    for condition in conditions:
        for name in ("top1", "predicted_top1", "estimator_accuracy"):
            simulated, executed = (few[method, target, name, condition] for target in ("sim", "host"))
            assert simulated["n"] == executed["n"] == 40, (simulated, executed)
            assert simulated["value"] == executed["value"], (simulated, executed)
            assert (simulated["evidence"], executed["evidence"]) == ("modelled", "measured"), (simulated, executed)
        agreed = few[method, "sim", "reference_pictures", condition]
        assert agreed["value"] == agreed["n"] == 16, agreed
        assert few[method, "sim", "latency_median", condition]["n"] == 16, "the share alone is simulated"
        assert (method, "sim", "predicted_latency_median", condition) not in few
    assert (method, "sim", "mean_top1_trained", "") in few, method
assert few["automask", "sim", "top1_reference", conditions[0]]["n"] == 300, "what no runner executes is not limited"

# Calibration, on the package of that run.
package = next(p for p in sorted((store / "cache").glob("compile/*/package.safetensors")))
arguments = ("--package", package, "--store", store, "--format", "json")
refused = automask("runners", "calibrate", "sim", *arguments, check=2)
assert "fits a model to itself" in refused.stderr, refused.stderr
profile = folder / "my_board.json"
done = automask("runners", "calibrate", "board", *arguments, "--runs", 3, "--save", folder / "measured.json", "--output", profile)
assert done.returncode == 0, done.stderr
report = json.loads(done.stdout)
assert report["error_after"] <= report["error_before"], report
assert all(layer["measured_ms"] > 0 for layer in report["layers"]) and len(report["layers"]) >= 10, report
again = automask("runners", "calibrate", "board", *arguments, "--measurements", folder / "measured.json", check=0)
assert json.loads(again.stdout) == report, "the same measurements, another fit"
register("calibrated", "--board", profile)
assert "modelled" in automask("runners", "probe", "calibrated", "--store", store, check=0).stdout

# Costs of layers, and a training that has to meet a time.
costs = folder / "costs.json"
dense = folder / "dense.json"
dense.write_text(json.dumps({"name": "dense", "include": [str(SMOKE)],
                             "targets": {"slow": {"runner": "sim", "format": "int8", "clock_mhz": 100, "limit": 20}},
                             "datasets": {"fashion_mnist": {"limit": {"test": 50}}},
                             "matrix": {"method": ["augment"], "target": ["slow"]}}))
automask("run", dense, "--store", store, "--progress", "none", check=0)
(whole,) = {r["key"] for r in rows(store, "select r.key from current_passed k join run r on r.id = k.run_id where k.method = 'augment'")}
automask("export", whole, "--format", "package", "-o", folder / "dense.safetensors", "--store", store, check=0)
done = automask("runners", "costs", "sim", "--package", folder / "dense.safetensors", "--lanes", 4, "--option", "clock_mhz=100", "-o", costs,
                "--store", store, "--format", "json", check=0)
asked = json.loads(done.stdout)
assert asked == json.loads(costs.read_text()) and asked["evidence"] == "modelled", asked
assert [round(row["predicted_ms"] / row["asked_ms"], 1) for row in asked["check"]] == [1.0] * 4, asked["check"]
dense_ms = asked["check"][0]["asked_ms"]
# So small a network's time is nearly all fixed: of what channels decide on, six tenths.
fixed_ms = sum(layer["fixed_ms"] for layer in asked["layers"])
wanted_ms = fixed_ms + 0.6 * (dense_ms - fixed_ms)
manifest.write_text(json.dumps({
    "name": "timed", "include": [str(SMOKE)],
    "datasets": {"fashion_mnist": {"limit": {"test": 300}}},
    "methods": {"timed": {"method": "kill_test", "lanes": 4, "latency_budget": {"ms": wanted_ms, "costs": "costs.json"}},
                "asked": {"method": "kill_test", "lanes": 4, "latency_budget": {"ms": wanted_ms, "target": "slow"}},
                "never": {"method": "kill_test", "latency_budget": {"ms": 1e-6, "target": "slow"}}},
    "targets": {"slow": {"runner": "sim", "format": "int8", "clock_mhz": 100}},
    "matrix": {"method": ["timed", "asked", "never"], "target": ["slow"]}}))
done = automask("run", manifest, "--store", store, "--progress", "none")
assert done.returncode == 4, done
(failed,) = rows(store, "select reason from runs where method = 'never'")
assert "its smallest possible time is" in failed["reason"], dict(failed)
times = rows(store, "select m.value, m.condition from current_passed k join metric m on m.run_id = k.run_id "
                    "where k.method = 'timed' and m.name = 'latency_median'")
assert times, done.stderr
slowest = max(row["value"] for row in times)
assert slowest <= 1.01 * wanted_ms < dense_ms, (slowest, wanted_ms, dense_ms)
# The model knows shapes alone: asked by the plan itself, it says the same of a network that nobody trained.
plans = list((store / "cache" / "costs").glob("*/costs.json"))  # of the one target: cut to lanes of 4, and of 1
assert any(json.loads(found.read_text())["layers"] == asked["layers"] for found in plans), plans
by_target = rows(store, "select m.value, m.condition from current_passed k join metric m on m.run_id = k.run_id "
                        "where k.method = 'asked' and m.name = 'latency_median'")
assert [dict(row) for row in by_target] == [dict(row) for row in times], (by_target, times)
print(f"dense {dense_ms:.4f} ms, asked for {wanted_ms:.4f}, got {slowest:.4f}")

# Costs that are there already: what cannot be met is refused before anything is trained.
never = json.loads(manifest.read_text())
never["methods"] = {"never": {"method": "kill_test", "latency_budget": {"ms": 1e-6, "costs": "costs.json"}}}
never["matrix"]["method"] = ["never"]
(folder / "never.json").write_text(json.dumps(never))
refused = automask("run", folder / "never.json", "--store", store, "--progress", "none", check=3)
assert "its smallest possible time is" in refused.stderr, refused.stderr

few = json.loads((folder / "measured.json").read_text())
few["conditions"] = [{**few["conditions"][0], "layers": few["conditions"][0]["layers"][:1]}]
(folder / "few.json").write_text(json.dumps(few))
refused = automask("runners", "calibrate", "board", *arguments, "--measurements", folder / "few.json", check=2)
assert "measured layers are too few" in refused.stderr, refused.stderr
(folder / "no.json").write_text("{}")
refused = automask("runners", "calibrate", "board", *arguments, "--measurements", folder / "no.json", check=2)
assert 'has no array "conditions"' in refused.stderr, refused.stderr

engine.stdin.close()
assert engine.wait(timeout=60) == 0
print(f"{len(conditions)} conditions simulated and on the board of files; {len(report['layers'])} layers, error "
      f"{100 * report['error_before']:.0f} % -> {100 * report['error_after']:.0f} %")
