"""kill -9 and interrupts at random moments, then a full disk: the same bytes as an undisturbed run, and little done twice."""
import os
import random
import signal
import time

from pictures import *

need_imagemagick()
folder = scratch()
photographs(folder / "source", 60)
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


def files_in(destination):
    return sum(len(names) for _, _, names in os.walk(destination))


def interrupt_until_done(layout, kinds):
    """By progress, not by the clock: some runs end after a few more files, some as soon as the journal has grown."""
    calm, hurt = folder / f"calm-{layout[1]}", folder / f"hurt-{layout[1]}"
    corrupt(calm, *layout, check=0)
    hits, total = 0, files_in(calm)
    for attempt in range(8):
        before, files = journaled(hurt), files_in(hurt)
        child = subprocess.Popen([AUTOMASK, "corrupt", folder / "source", hurt, *options, *layout, "--resume", "--format", "json"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        more = chance.randint(1, max(2, total // 4))
        while child.poll() is None and attempt < 7:
            if len(journaled(hurt)) > len(before) if attempt % 3 == 2 else files_in(hurt) >= files + more:
                child.send_signal(kind := chance.choice(kinds))
                child.wait()
                # An interrupt may come when all is done.
                assert child.returncode in ((-9,) if kind == signal.SIGKILL else (130, 0)), child.returncode
                hits += child.returncode != 0
            time.sleep(0.01)
        out, err = child.communicate()
        assert before <= journaled(hurt), "the journal forgot pictures"
        if child.returncode == 0:
            break
    else:
        raise AssertionError(f"not finished after {hits} interruptions: {err}")
    summary = json.loads(out)
    if "folder" in layout:
        assert summary["found"] == len(before), "a picture in the journal was done again"
    assert hits >= 2, f"only {hits} interruptions: the test is not testing"
    found, expected = tree(hurt), tree(calm)
    different = {file for file in found.keys() | expected.keys() if found.get(file) != expected.get(file)}
    assert not different, f"bytes differ from the undisturbed run's: {sorted(different)}"
    automask("corrupt", "--verify", hurt, check=0)
    # Killed between the index's rename and the removal of its journal, or within an earlier attempt at the index.
    for leftover in ("index.jsonl.unfinished", "index.jsonl.tmp.1.0"):
        shutil.copy(hurt / "index.jsonl", hurt / leftover)
    corrupt(hurt, *layout, "--resume", check=0)
    assert tree(hurt) == tree(calm), "a finished index keeps its journal"
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
