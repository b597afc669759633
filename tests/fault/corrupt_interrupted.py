"""kill -9 and interrupts at random moments, then a full disk: the same bytes as an undisturbed run, and little done twice."""
import random
import signal
import time

from pictures import *

need_imagemagick()
folder = scratch()
photographs(folder / "source", 36)
options = ["--corruptions", "snow,zoom_blur,elastic_transform", "--condition", "clean",
           "--condition", "shot_noise:3 > jpeg:q30", "--threads", "2", "--progress", "none"]
chance = random.Random(0)


def corrupt(destination, *more, **kwargs):
    return automask("corrupt", folder / "source", destination, *options, *more, **kwargs)


def journaled(destination):
    """Numbers of the pictures that are known to be finished: a process may be killed just after its journal became the index."""
    for file in (destination / "index.jsonl", destination / "index.jsonl.unfinished"):
        if file.exists():
            return {json.loads(line)["i"] for line in file.read_bytes().split(b"\n")[1:-1]}
    return set()


def interrupt_until_done(layout, kinds):
    calm, hurt = folder / f"calm-{layout[1]}", folder / f"hurt-{layout[1]}"
    started = time.monotonic()
    corrupt(calm, *layout, check=0)
    undisturbed = time.monotonic() - started
    hits, allowed = 0, max(undisturbed, 2)
    for _ in range(60):
        before = journaled(hurt)
        child = subprocess.Popen([AUTOMASK, "corrupt", folder / "source", hurt, *options, *layout, "--resume", "--format", "json"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        try:
            out, err = child.communicate(timeout=chance.uniform(0.2, 0.6) * allowed)
        except subprocess.TimeoutExpired:
            child.send_signal(kind := chance.choice(kinds))
            out, err = child.communicate()
            # An interrupt may come when all is done.
            assert child.returncode in ((-9,) if kind == signal.SIGKILL else (130, 0)), (child.returncode, err)
            hits += child.returncode != 0
        now = journaled(hurt)
        assert before <= now, "the journal forgot pictures"
        # A journal is written every second or so: on a slow machine nothing may get into it in the time allowed.
        allowed = allowed * 1.3 if len(now) == len(before) else max(undisturbed, 2)
        if child.returncode == 0:
            break
    else:
        raise AssertionError(f"not finished after {hits} interruptions: {err}")
    summary = json.loads(out)
    if "folder" in layout:
        assert summary["found"] == len(before), "a picture in the journal was done again"
    assert hits >= 2, f"only {hits} interruptions: the test is not testing"
    assert tree(hurt) == tree(calm), "bytes differ from the undisturbed run's"
    automask("corrupt", "--verify", hurt, check=0)
    return hits


kills = interrupt_until_done(["--layout", "folder"], [signal.SIGKILL])
kills += interrupt_until_done(["--layout", "shards", "--pictures-per-shard", "4"], [signal.SIGKILL, signal.SIGINT])

disk = folder / "disk"
disk.mkdir()
if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True).returncode != 0:
    print(f"{kills} interruptions survived; no right to mount a small disk here")
    sys.exit(0)
try:
    full = corrupt(disk / "out", "--layout", "folder")
    assert full.returncode == 4 and "No space left on device" in full.stderr and "--resume" in full.stderr, full
    assert "terminate" not in full.stderr
    kept = len(journaled(disk / "out"))
    assert kept > 0, "what was finished on the full disk was not written down"
    subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
    done = corrupt(disk / "out", "--layout", "folder", "--resume", "--format", "json", check=0)
    assert json.loads(done.stdout)["found"] == kept
    assert tree(disk / "out") == tree(folder / "calm-folder"), "bytes differ after a full disk"
finally:
    subprocess.run(["umount", disk], check=True)
print(f"{kills} interruptions and a full disk survived; {kept} pictures were kept on the full disk")
