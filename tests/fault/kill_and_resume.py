"""kill -9 at many moments, start again: the same metrics and artifacts as an undisturbed run, no finished step redone."""
import os
import random
import signal
import subprocess
import time

from common import *

need_fashion()
calm, hurt = scratch(), scratch()

started = time.monotonic()
automask("run", SMOKE, "--store", calm, check=0)
undisturbed = time.monotonic() - started

again = automask("run", SMOKE, "--store", calm, check=0)
assert "up to date" in again.stdout + again.stderr, again.stdout + again.stderr

# Each attempt goes on from the last and is killed at a random moment. The time allowed grows while no step gets
# finished and shrinks again after one, so that kills fall into every stage on machines of any speed.
chance = random.Random(0)
kills, allowed, seen = 0, 0.3, {}
for _ in range(500):
    child = subprocess.Popen([AUTOMASK, "run", SMOKE, "--store", hurt], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, env=environment(), start_new_session=True)
    try:
        child.wait(timeout=chance.uniform(0.3, 1) * allowed)
    except subprocess.TimeoutExpired:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        kills += 1
    now = finished_steps(hurt)
    for step, stamp in seen.items():
        assert now.get(step) == stamp, f"the finished step {step} was done again or lost"
    allowed = max(0.3, allowed / 2) if len(now) > len(seen) else allowed * 1.3
    seen = now
    if child.returncode == 0:
        break
else:
    raise AssertionError(f"not finished after {kills} kills")

assert kills >= 5, f"only {kills} kills: the test is not testing"
automask("run", SMOKE, "--store", hurt, check=0)
assert finished_steps(hurt) == seen, "a step was done again"
assert artifact_digests(hurt) == artifact_digests(calm), "an artifact differs from the undisturbed run's"
expected, got = final_metrics(calm), final_metrics(hurt)
assert got == expected, "metrics differ:\n" + "\n".join(f"{a}\n{b}" for a, b in zip(expected, got) if a != b)
print(f"{kills} kills, {len(seen)} steps, {len(got)} metrics equal; undisturbed run {undisturbed:.1f} s")
