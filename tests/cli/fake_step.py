#!/usr/bin/env python3
"""In place of automask-step: instant, made-up results of the right form. FAKE_FAIL=WORD fails steps whose label has it."""
import json
import os
import pathlib
import sys

if sys.argv[1:] == ["--version"]:
    print("automask-step " + os.environ.get("FAKE_VERSION", "none"))
    sys.exit(0)
step = json.loads(pathlib.Path(sys.argv[1]).read_text())
folder = pathlib.Path(sys.argv[2])
label, stage, parameters = step["label"], step["stage"], step["parameters"]
fail = os.environ.get("FAKE_FAIL")
if fail and fail in label:
    failure = {"schema_version": 1, "state": "failed", "reason": label + ": the loss is not a number; lower the learning rate",
               "started": "2024-01-01T00:00:00Z", "finished": "2024-01-01T00:00:01Z"}
    (folder / "failure.json").write_text(json.dumps(failure))
    sys.exit(4)


def metric(name, value, condition="", spread=None, evidence="counted", n=1):
    return {"name": name, "condition": condition, "value": value, "evidence": evidence, "n": n,
            "ci_lo": None if spread is None else value - spread, "ci_hi": None if spread is None else value + spread}


metrics, samples = [], []
masked = "masked" in label
if stage == "compile":
    metrics += [metric("package_bytes", 9000 if masked else 16000), metric("dense_bytes", 16000),
                metric("macs", 50000 if masked else 100000), metric("macs_share", 0.5 if masked else 1.0)]
if stage == "execute":
    for i, condition in enumerate(parameters["conditions"]):
        metrics.append(metric("top1", (86 if masked else 88) - (3 if masked else 20) * i, condition, 1.5, "measured", 100))
        for j, name in enumerate(["latency_median", "latency_p90", "latency_p99"]):
            metrics.append(metric(name, (0.5 if masked else 0.75) + 0.125 * j, condition, 0.0625, "measured", 100))
        samples.append({"condition": condition, "latencies_ms": [0.5, 0.75]})
(folder / "made.bin").write_bytes(b"x" * 1024)
result = {"schema_version": 1, "key": step["key"], "stage": stage, "state": "passed", "reason": "",
          "started": "2024-01-01T00:00:00Z", "finished": "2024-01-01T00:00:02Z", "seconds": 2.0, "metrics": metrics,
          "samples": samples, "artifacts": [{"kind": stage, "file": "made.bin", "bytes": 1024, "sha256": "0" * 64}],
          "environment": {"cpu": "a test", "cores": 2, "build": {"version": "test"}}, "details": {}}
(folder / "result.tmp").write_text(json.dumps(result))
os.rename(folder / "result.tmp", folder / "result.json")
