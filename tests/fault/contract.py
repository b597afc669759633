"""`automask runners`: our runners keep the contract, skeletons all but what is to be filled in, and each fault breaks its clause."""
import re

from common import *

folder = scratch()
runners = SOURCE / "tests" / "fault" / "runners"
examples = SOURCE / "hw_targets" / "examples"
os.environ["FAULT_SHAPE"] = "5,12,10,3"  # the contract's pictures and classes


def check(command, *options, code):
    done = automask("runners", "check", *options, "--format", "json", "--", *command, check=code)
    document = json.loads(done.stdout)
    assert document["schema_version"] == 1
    return {clause["clause"]: clause for clause in document["clauses"]}


def broken(clauses):
    return sorted(name for name, clause in clauses.items() if clause["verdict"] == "fail")


# Ours, in full.
clauses = check(["cpu"], code=0)
assert len(clauses) >= 27 and all(clause["verdict"] == "pass" for clause in clauses.values()), clauses
assert clauses["cancel"]["finding"] == "the run was interrupted", clauses["cancel"]
assert "bit for bit" in clauses["determinism"]["finding"]
assert clauses["auto"]["finding"] == "as the estimator says", clauses["auto"]
print("cpu keeps", len(clauses), "clauses;", clauses["latencies"]["finding"])

# In the other formats, with the contract's package in them.
for number_format in ("fp16", "int8"):
    clauses = check(["cpu"], "--number-format", number_format, code=0)
    assert all(clause["verdict"] == "pass" for clause in clauses.values()), (number_format, broken(clauses))
    print(f"cpu keeps {len(clauses)} clauses in {number_format}; outputs {clauses['outputs']['finding']}")

# The example, in the tests' Python where it was made.
python = SOURCE / "build" / "test-venv" / "bin" / "python"
if python.exists():
    clauses = check([python, examples / "python" / "onnxruntime_runner.py"], code=0)
    assert all(clause["verdict"] == "pass" for clause in clauses.values()), broken(clauses)
    assert clauses["auto"]["finding"] == "as the estimator says", clauses["auto"]
    print("onnxruntime keeps", len(clauses), "clauses;", clauses["latencies"]["finding"])
    # The one over trtexec, with a program that stands in for it.
    os.environ["PATH"] = f"{python.parent}:{os.environ['PATH']}"  # its Python has onnxruntime
    trtexec = [python, examples / "python" / "trtexec_runner.py", "--iterations", "2", "--trtexec"]
    clauses = check([*trtexec, runners / "fake_trtexec.py"], "--timeout", "300", code=0)
    assert not broken(clauses) and "quoted" in clauses["handshake"]["finding"], clauses
    assert clauses["outputs"]["verdict"] == "pass", clauses["outputs"]
    print("trtexec's keeps", sum(clause["verdict"] == "pass" for clause in clauses.values()), "clauses")
    clauses = check([*trtexec, "/nowhere/trtexec"], code=4)
    assert "install TensorRT" in clauses["handshake"]["finding"], clauses["handshake"]
else:
    print("not checked: the example needs build/test-venv (scripts/test-venv.sh)")

# Skeletons: only what needs the device is left to do.
automask("runners", "new", "my_board", "--directory", folder / "python", check=0)
assert broken(check([folder / "python" / "runner.py"], code=4)) == ["conditions", "outputs"]
assert "is there already" in automask("runners", "new", "my_board", "--directory", folder / "python", check=2).stderr
assert "no name for a runner" in automask("runners", "new", "../up", check=2).stderr
registered = automask("runners", "list", "--format", "json", check=0)
assert [row["runner"] for row in json.loads(registered.stdout)["rows"]] == ["cpu", "cuda"]
os.environ.pop("AUTOMASK_RUNNERS", None)
automask("runners", "new", "board2", "--language", "cpp", "--directory", folder / "cpp", check=0)
libraries = [BIN.parent / f"hw_targets/{room}/libautomask_{room}.a" for room in ("protocol", "package")]
libraries.append(BIN.parent / "graph/libautomask_graph.a")
subprocess.run(["c++", "-std=c++14", "-Wall", "-Wextra", "-Werror", "-I", SOURCE, folder / "cpp" / "runner.cpp", *libraries, "-o",
                folder / "cpp" / "board2"], check=True)
assert broken(check([folder / "cpp" / "board2"], code=4)) == ["conditions", "outputs"]
probed = json.loads(automask("runners", "probe", "cpu", "--format", "json", check=0).stdout)
assert probed["device"]["evidence"] == "measured" and probed["state"]["throttled"] is False, probed

# Each fault breaks the clause that is there for it; the honest runner keeps all of them.
FAULTS = {
    "handshake": ["banner.py"],
    "nonce": ["wrong_digest.py"],
    "determinism": ["unstable_output.py"],
    "latencies": ["lies_about_latency.py", "0.1"],
    "run": ["wrong_answer.py", "fewer_latencies"],
    "throttling": ["wrong_answer.py", "no_state"],
    "inputs": ["wrong_answer.py", "input_hash"],
    "clean_exit": ["does_not_exit.py"],
    "unknown_method": ["garbage.py", "make_coffee", "no_id"],
    "bad_hash": ["garbage.py", "load", "json"],
    "outputs": ["same_output_for_all.py"],
    "auto": ["honest.py", "estimator"],
}
HONEST_CANNOT = {"outputs", "wrong_version", "inputs"}  # its network is its own, it checks no shapes and ends at a refusal
for clause, fault in FAULTS.items():
    command = ["python3", runners / fault[0], *fault[1:]]
    found = check(command, "--clause", clause, "--timeout", "2", code=4)
    assert found[clause]["verdict"] == "fail" and found[clause]["finding"] and found[clause]["remedy"], found
    print(f"{clause}: {' '.join(fault)}: {found[clause]['finding']}")
    if clause not in HONEST_CANNOT:
        check(["python3", runners / "honest.py"], "--clause", clause, "--timeout", "5", code=0)

# Who speaks another version never gets past the first clause.
clauses = check(["python3", runners / "wrong_version.py"], "--timeout", "2", code=4)
assert broken(clauses) == ["handshake"] and "protocol 2" in clauses["handshake"]["finding"], clauses["handshake"]

# A runner that isn't there: the first clause says so, the rest is skipped.
clauses = check([folder / "not-there"], code=4)
assert broken(clauses) == ["handshake"] and "No such file" in clauses["handshake"]["finding"], clauses["handshake"]
assert {clause["verdict"] for name, clause in clauses.items() if name != "handshake"} == {"skip"}
assert 'did you mean "nonce"' in automask("runners", "check", "cpu", "--clause", "nonse", check=2).stderr
assert "no such runner" in automask("runners", "probe", "cpuu", check=2).stderr
text = automask("runners", "check", "cpu", "--clause", "nonce", check=0).stdout
assert re.fullmatch(r"pass  nonce +\ncpu: 1 clauses kept, 0 broken, 0 skipped\n", text), text

# A device that is not here is an answer, too.
probed = json.loads(automask("runners", "probe", "cuda", "--format", "json", check=0).stdout)
if "device" not in probed:
    assert probed["state"] == "skipped" and probed["reason"].count("; ") >= 1, probed
    assert probed["reason"].startswith(("no NVIDIA GPU", "the NVIDIA driver", "CUDA's run-time compiler")), probed
