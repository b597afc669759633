"""Truncated and foreign data files, manifests with every documented fault, a newer database: sentence, exit code, nothing lost."""
import gzip

from common import *

need_fashion()
folder = scratch()
store = folder / "store"
automask("run", SMOKE, "--store", store, check=0)
finished = finished_steps(store)
metrics = final_metrics(store)


def expect(code, *words, arguments):
    done = automask(*arguments)
    text = done.stderr.strip()
    assert done.returncode == code, f"exit {done.returncode}, expected {code}: {arguments}\n{done.stdout}\n{text}"
    for word in words:
        assert word in text, f"{word!r} is missing in: {text}"
    return text


# --- data files
data = folder / "fashion"


def fresh_data():
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(FASHION, data)


def run_with(name, change, *words):
    fresh_data()
    file = data / name
    file.write_bytes(change(file.read_bytes()))
    text = expect(4, name, *words, arguments=("run", SMOKE, "--store", folder / "other", "--data", f"fashion_mnist={data}"))
    assert "terminate" not in text


TRAIN = "train-images-idx3-ubyte.gz"
run_with(TRAIN, lambda b: b[: len(b) // 2])
run_with(TRAIN, lambda b: b"")
run_with(TRAIN, lambda b: b"\x89PNG\r\n\x1a\n" + b[8:])
run_with(TRAIN, lambda b: gzip.compress(b"\0\0\x08\x03" + b"\xff" * 12))
run_with("train-labels-idx1-ubyte.gz", lambda b: gzip.compress(gzip.decompress(b)[:-10]))
fresh_data()
(data / TRAIN).unlink()
expect(3, "train-images", "dataset-fashion-mnist", arguments=("run", SMOKE, "--store", folder / "other", "--data", f"fashion_mnist={data}"))

# --- manifests
manifest = json.loads((SOURCE / "experiments/quickstart.json").read_text())


def bad_manifest(change, *words):
    copy = json.loads(json.dumps(manifest))
    change(copy)
    file = folder / "bad.json"
    file.write_text(json.dumps(copy))
    for command in ("validate", "plan", "run"):
        expect(3, "bad.json", *words, arguments=(command, file, "--store", store))


bad_manifest(lambda m: m["train"].update(epoch=1), "/train", "epoch", "epochs")
bad_manifest(lambda m: m["train"].update(epochs="three"), "/train/epochs", "number")
bad_manifest(lambda m: m["methods"]["automask"].update(method="automsk"), "/methods/automask/method", "automask")
bad_manifest(lambda m: m["conditions"].append("jpg:q10"), "/conditions/5", "jpeg")
bad_manifest(lambda m: m.update(include=["bad.json"]), "cycle")
(folder / "bad.json").write_text('{"name": "x",\n "datasets": {,}}')
expect(3, "bad.json", "line 2", arguments=("validate", folder / "bad.json"))
expect(3, "nowhere.json", arguments=("run", folder / "nowhere.json", "--store", store))

# --- a database from a newer version, and one that is none
newer = folder / "newer"
newer.mkdir()
shutil.copy(store / "results.sqlite", newer / "results.sqlite")
with sqlite3.connect(newer / "results.sqlite") as connection:
    connection.execute("pragma user_version = 9999")
expect(8, "results.sqlite", "9999", arguments=("query", "--saved", "latency", "--store", newer))
expect(8, "results.sqlite", "9999", arguments=("run", SMOKE, "--store", newer))
(newer / "results.sqlite").write_bytes(b"this is no database" * 100)
expect(8, "results.sqlite", arguments=("query", "--saved", "latency", "--store", newer))

assert finished_steps(store) == finished and final_metrics(store) == metrics, "something finished was lost"
print("every fault gave its sentence and exit code")
