"""Runners that die, hang or answer garbage: the documented state and a sentence in the database, exit code 4, the rest goes on."""
from common import *

need_fashion()
os.environ["FAULT_SHAPE"] = "10,28,28,1"  # Fashion-MNIST's
folder = scratch()
store = folder / "store"
runners = SOURCE / "tests" / "fault" / "runners"
(store / "runners").mkdir(parents=True)
LIMITS = {"initialize": 5, "load": 5, "prepare": 5, "message": 5, "run_base": 5, "run_per_inference": 0.01, "shutdown": 1}

# runner program and arguments -> state of the run
# No honest one is among them that could pass: even the arithmetic of "same_output" is not the package's.
FAULTS = {
    "dies": (["dies_at_message.py", "3"], "dead"),
    "hangs": (["hangs_at.py", "run"], "timeout"),
    "garbage": (["garbage.py", "prepare", "json"], "failed"),
    "banner": (["banner.py"], "failed"),
    "wrong_digest": (["wrong_digest.py"], "failed"),
    "same_output": (["same_output_for_all.py"], "mistrusted"),
    "missing": (None, "failed"),
}
for name, (command, _) in FAULTS.items():
    program = ["python3", str(runners / command[0]), *command[1:]] if command else [str(folder / "not-there")]
    (store / "runners" / f"{name}.json").write_text(json.dumps({"name": name, "command": program, "limits": LIMITS}))

targets = {name: {"runner": name} for name in FAULTS}
manifest = {"name": "bad_runners", "include": [str(SMOKE)], "targets": targets,
            "conditions": ["clean", "jpeg:q10"],
            "methods": {"clean": {"method": "clean"}},
            "matrix": {"method": ["clean"], "target": [*FAULTS, "cpu"]}}
file = folder / "bad_runners.json"
file.write_text(json.dumps(manifest))
done = automask("run", file, "--store", store, check=4)
found = {r["target"]: r for r in rows(store, "select target, state, reason from runs")}
for name, (_, state) in {**FAULTS, "cpu": (None, "passed")}.items():
    assert found[name]["state"] == state, (name, found[name], done.stderr)
    if state != "passed":
        assert found[name]["reason"] and name in found[name]["reason"], found[name]
assert final_metrics(store)
for name, row in found.items():
    print(f"{name}: {row['state']}: {row['reason']}")
