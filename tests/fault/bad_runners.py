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
    "unstable": (["unstable_output.py"], "mistrusted"),
    "floods": (["floods_stdout.py", "run"], "failed"),
    "lies": (["lies_about_latency.py", "0.1"], "mistrusted"),
    "exaggerates": (["lies_about_latency.py", "10"], "mistrusted"),
    "throttled": (["wrong_answer.py", "throttled"], "mistrusted"),
    "idle_channels": (["wrong_answer.py", "macs"], "mistrusted"),
    "wrong_version": (["wrong_version.py"], "failed"),
    "missing": (None, "failed"),
}
# Our own runner, which floods its log with 1 GB while it works: nothing is wrong with that.
LOUD = ["sh", "-c", f"head -c 1000000000 /dev/zero >&2 & exec {BIN}/automask-runner-cpu"]
(store / "runners" / "loud.json").write_text(json.dumps({"name": "loud", "command": LOUD}))
for name, (command, _) in FAULTS.items():
    program = ["python3", str(runners / command[0]), *command[1:]] if command else [str(folder / "not-there")]
    (store / "runners" / f"{name}.json").write_text(json.dumps({"name": name, "command": program, "limits": LIMITS}))

targets = {name: {"runner": name} for name in (*FAULTS, "loud")}
manifest = {"name": "bad_runners", "include": [str(SMOKE)], "targets": targets,
            "conditions": ["clean", "jpeg:q10"],
            "methods": {"clean": {"method": "clean"}},
            "matrix": {"method": ["clean"], "target": [*FAULTS, "loud", "cpu"]}}
file = folder / "bad_runners.json"
file.write_text(json.dumps(manifest))
done = automask("run", file, "--store", store, check=4)
found = {r["target"]: r for r in rows(store, "select target, state, reason from runs")}
for name, (_, state) in {**FAULTS, "loud": (None, "passed"), "cpu": (None, "passed")}.items():
    assert found[name]["state"] == state, (name, found[name], done.stderr)
    if state != "passed":
        assert found[name]["reason"] and name in found[name]["reason"], found[name]
assert final_metrics(store)
for name, row in found.items():
    print(f"{name}: {row['state']}: {row['reason']}")

# Packages that are none any more: the state and the sentence, and exit code 4.
package = next(store.glob("cache/compile/*/package.safetensors"))
whole = package.read_bytes()
weight = len(whole) - 4096  # somewhere in the data
DAMAGE = {
    "another version": (whole.replace(b'\\"format_version\\":1', b'\\"format_version\\":9'), "this program reads 1"),
    "another hash": (whole[:weight] + bytes([whole[weight] ^ 1]) + whole[weight + 1:], "not the one stored"),
    # Seen by its size before anything is started, and compiled anew.
    "truncated": (whole[:-100], None),
}
for number, (what, (data, part)) in enumerate(DAMAGE.items()):
    assert data != whole, what
    package.chmod(0o644)
    package.write_bytes(data)
    manifest["targets"] = {"damaged": {"runner": "cpu", "warmup": 30 + number}}  # a step that is not there yet
    manifest["matrix"] = {"method": ["clean"], "target": ["damaged"]}
    file.write_text(json.dumps(manifest))
    done = automask("run", file, "--store", store, check=4 if part else 0)
    row = rows(store, "select state, reason from runs where target = 'damaged' order by run desc limit 1")[0]
    if part:
        assert row["state"] == "failed" and part in row["reason"], (what, row)
    else:
        assert row["state"] == "passed" and package.read_bytes() == whole, (what, row)
    print(f"{what}: {row['reason']}")
package.write_bytes(whole)
