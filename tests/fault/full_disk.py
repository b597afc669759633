"""A disk that fills up during a run: one clear sentence, the documented exit code, and nothing finished is lost."""
import subprocess

from common import *

need_fashion()
disk = scratch() / "disk"
disk.mkdir()


def mount(size):
    return subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], capture_output=True).returncode == 0


def remount(size):
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


if not mount("1500k"):
    skip("no right to mount a small disk here")
try:
    store = disk / "store"
    full = automask("run", SMOKE, "--store", store)
    assert full.returncode == 4, (full.returncode, full.stderr)
    assert "No space left on device" in full.stderr and "finished work is kept" in full.stderr, full.stderr
    assert "Traceback" not in full.stderr and "terminate" not in full.stderr
    before = finished_steps(store)
    assert before, "the disk is too small for this test: nothing finished"
    remount("200m")
    automask("run", SMOKE, "--store", store, check=0)
    after = finished_steps(store)
    assert all(after[step] == stamp for step, stamp in before.items()), "a finished step was done again"
    assert final_metrics(store)
    print(f"{len(before)} steps finished on the full disk and were kept, {len(after)} in the end")
finally:
    subprocess.run(["umount", disk], check=True)
