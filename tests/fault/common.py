"""What the fault tests share: the programs, a store, and the metrics that must not depend on faults."""
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile

BIN, SOURCE = (pathlib.Path(p) for p in sys.argv[1:3])
AUTOMASK = BIN / "automask"
SMOKE = SOURCE / "experiments" / "smoke.json"
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")
TIMES = ("latency", "predicted_latency", "throughput", "energy", "train_seconds")  # they differ between any two runs


def skip(reason):
    print("skipped:", reason)
    sys.exit(77)


def need_fashion():
    if not FASHION.is_dir():
        skip(f"{FASHION} is absent (Debian package dataset-fashion-mnist)")


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("AUTOMASK_")}
    env.update(more)
    return env


def automask(*arguments, check=None, timeout=600, **more):
    done = subprocess.run([AUTOMASK, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env=environment(), **more)
    if check is not None:
        assert done.returncode == check, f"exit {done.returncode}, expected {check}: {arguments}\n{done.stdout}\n{done.stderr}"
    return done


def scratch():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="automask-fault-"))
    import atexit
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def database(store):
    return sqlite3.connect(f"file:{store / 'results.sqlite'}?mode=ro", uri=True)


def rows(store, sql):
    done = automask("query", sql, "--store", store, "--format", "json", check=0)
    return json.loads(done.stdout)["rows"]


def final_metrics(store):
    """Every metric of the current runs that is no time, exactly."""
    found = rows(store, "select k.dataset, k.model, k.method, k.target, k.seed, m.name as metric, m.condition, m.value, m.ci_lo, "
                        "m.ci_hi, m.evidence, m.n from current_passed k join metric m on m.run_id = k.run_id "
                        "order by 1,2,3,4,5,6,7")
    kept = [r for r in found if not r["metric"].startswith(TIMES)]
    assert kept, "no metrics in the database"
    return kept


def finished_steps(store):
    """key -> (inode, mtime, content) of each finished step's result."""
    found = {}
    for file in sorted((store / "cache").glob("*/*/result.json")):
        stat = file.stat()
        found[file.parent.parent.name + "/" + file.parent.name] = (stat.st_ino, stat.st_mtime_ns)
    return found


def artifact_digests(store):
    """step -> digests of variants, checkpoints and packages."""
    found = {}
    for file in sorted((store / "cache").glob("*/*/result.json")):
        result = json.loads(file.read_text())
        if result["stage"] != "execute":
            found[result["stage"] + "/" + result["key"]] = sorted(a["sha256"] for a in result["artifacts"])
    return found
