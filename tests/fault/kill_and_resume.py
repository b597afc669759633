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

# Moments from early to late over the run, at random inside each slice; every attempt goes on from the last.
chance = random.Random(0)
kills, moments = 0, 12
seen = {}
for i in range(10 * moments):
    child = subprocess.Popen([AUTOMASK, "run", SMOKE, "--store", hurt], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, env=environment(), start_new_session=True)
    try:
        child.wait(timeout=chance.uniform(0.05, 2.5 * undisturbed / moments))
    except subprocess.TimeoutExpired:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        kills += 1
    now = finished_steps(hurt)
    for step, stamp in seen.items():
        assert now.get(step) == stamp, f"the finished step {step} was done again or lost"
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
