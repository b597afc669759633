"""`automask export` and `automask verify` on networks that experiments/smoke.json trains: packages.py BIN SOURCE."""
import hashlib
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fault"))
from common import *  # noqa: E402

need_fashion()
os.environ["FAULT_SHAPE"] = "10,28,28,1"  # Fashion-MNIST's
folder = scratch()
store = folder / "store"
runners = SOURCE / "tests/fault/runners"
(store / "runners").mkdir(parents=True)
for name, words in {"wrong": ["honest.py"], "dies": ["dies_at_message.py", "3"]}.items():
    (store / "runners" / f"{name}.json").write_text(json.dumps({"name": name, "command": ["python3", str(runners / words[0]), *words[1:]]}))
manifest = folder / "packages.json"
manifest.write_text(json.dumps({
    "name": "packages", "include": [str(SMOKE)], "targets": {"f": {"runner": "cpu"}, "q": {"runner": "cpu", "format": "int8"}},
    "conditions": ["clean", "jpeg:q10", "gaussian_noise:3 > jpeg:q20"], "methods": {"clean": {"method": "clean"}},
    "matrix": {"method": ["clean", "automask"], "target": ["f", "q"]}}))


def am(*words, check=None):
    return automask(*words, "--store", store, "--progress", "none", check=check)


am("run", manifest, check=0)
run, left = {}, {}
for row in rows(store, "select run, method, target from runs"):
    key = run[row["method"], row["target"]] = row["run"][:12]
    shown = json.loads(automask("show", key, "--store", store, "--format", "json", check=0).stdout)
    left[row["method"], row["target"]] = {a["kind"]: store / a["path"] for a in shown["artifacts"]}
checkpoint, package = left["automask", "f"]["checkpoint"], left["automask", "f"]["package"]
integers = left["automask", "q"]["package"]


def export(*words):
    done = automask("--format", "json", "export", *words, "--store", store, "--progress", "none", check=0)
    return [pathlib.Path(file["file"]) for file in json.loads(done.stdout)["files"]]


def verify(*words, check=0):
    done = automask("verify", *words, "--format", "json", "--store", store, "--progress", "none", check=check)
    return json.loads(done.stdout)


def failed(document):
    return {row["check"] for row in document["checks"] if not row["passed"]}


# A package is the run's, byte for byte: as it lies there, and made anew of the checkpoint.
for source, words, expected in (
        (run["automask", "f"], [], package), (run["automask", "q"], [], integers), (checkpoint, [], package),
        (run["automask", "f"], ["--numbers", "int8"], integers), (run["automask", "q"], ["--numbers", "fp32"], package),
        (run["automask", "q"], ["--calibrate", "mse"], integers), (package, [], package),
        (run["clean", "f"], ["--numbers", "int8"], left["clean", "q"]["package"])):
    (made,) = export(source, "--format", "package", *words, "-o", folder / "made.safetensors")
    assert made.read_bytes() == expected.read_bytes(), (source, words)
for words in (["--calibrate", "minmax"], ["--calibrate", "percentile"], ["--pictures", "16", "--calibrate", "mse"]):
    (made,) = export(run["automask", "q"], "--format", "package", *words, "-o", folder / "made.safetensors")
    assert made.read_bytes() != integers.read_bytes(), words
(half,) = export(package, "--format", "package", "--numbers", "fp16", "-o", folder / "half.safetensors")

# ONNX: a file per condition; one alone; the network for all conditions is one file.
files = export(run["automask", "f"], "--format", "onnx", "-o", folder / "net.onnx")
assert [f.name for f in files] == ["net-clean.onnx", "net-jpeg-q10.onnx", "net-gaussian_noise-3+jpeg-q20.onnx"], files
(one,) = export(checkpoint, "--format", "onnx", "--condition", "gaussian_noise:3>jpeg:q20", "-o", folder / "one.onnx")
assert one.read_bytes() == files[2].read_bytes() != files[0].read_bytes()
assert len(export(run["clean", "f"], "--format", "onnx", "-o", folder / "all.onnx")) == 1
quantised = export(integers, "--format", "onnx-qdq", "-o", folder / "qdq.onnx")
again = export(run["automask", "f"], "--format", "onnx-qdq", "-o", folder / "again.onnx")
assert [f.read_bytes() for f in quantised] == [f.read_bytes() for f in again] and len(quantised) == 3
(own,) = export(files[0], "--format", "package", "-o", folder / "own.safetensors")  # our ONNX is a network like any other

# What was measured before is measured again: same pictures, same corruptions, same arithmetic.
for target in ("f", "q"):
    recorded = {row["condition"]: row["top1"] for row in rows(
        store, f"select condition, top1 from accuracy_by_condition where method = 'automask' and target = '{target}'")}
    document = verify(run["automask", target], "--target", "cpu")
    found = {row["condition"]: row for row in document["accuracy"]}
    assert {k: row["package"] for k, row in found.items()} == recorded and len(found) == 3, (found, recorded)
    assert document["passed"] and not failed(document) and document["schema_version"] == 1
    names = [row["check"] for row in document["checks"]]
    assert all(names.count(check) == 3 for check in ("masked = shrunk", "masked = package", "target = package")), names
    assert len(document["latency"]) == 3 and all(
        row["evidence"] == "measured" and 0 < row["median"] <= row["p99"] and row["n"] >= 50 for row in document["latency"])
    assert sum(v for k, v in document["bytes"].items() if k not in ("total", "dense_fp32")) == document["bytes"]["total"]
    assert document["bytes"]["total"] == (package if target == "f" else integers).stat().st_size
    worst = min(row["difference"] for row in found.values())
    for allowed in ("0", "100"):
        missed = -worst > float(allowed)
        assert failed(verify(run["automask", target], "--max-loss", allowed, check=6 if missed else 0)) == ({"accuracy"} if missed else set())
for row in found.values():
    assert abs(row["difference"] - (row["package"] - row["checkpoint"])) < 1e-9
    assert row["difference_lo"] <= row["difference"] <= row["difference_hi"]
assert not failed(verify(half, "--checkpoint", checkpoint, "--data", FASHION, "--limit", "100", "--condition", "fog:2"))
assert not failed(verify(checkpoint, "--numbers", "int8", "--data", f"any={FASHION}", "--limit", "50"))

# A package of other weights, of other conditions; a runner that answers something else, or dies.
blob = bytearray(checkpoint.read_bytes())
size = struct.unpack("<Q", blob[:8])[0]
begin, end = json.loads(blob[8:8 + size])["conv1.weight"]["data_offsets"]
weights = struct.unpack(f"<{(end - begin) // 4}f", blob[8 + size + begin:8 + size + end])
blob[8 + size + begin:8 + size + end] = struct.pack(f"<{len(weights)}f", *(1.02 * w for w in weights))
other = folder / "other.safetensors"
other.write_bytes(blob)
assert failed(verify(package, "--checkpoint", other, check=4)) == {"masked = package"}
text = am("verify", package, "--checkpoint", left["clean", "f"]["checkpoint"], check=4).stderr
assert "its conditions differ from the checkpoint's" in text, text
assert failed(verify(left["clean", "f"]["package"], "--target", "wrong", check=4)) == {"target = package"}
assert failed(verify(package, "--target", "wrong", check=4)) == {"target runs"}  # it has other conditions
assert failed(verify(package, "--target", "dies", check=4)) == {"target runs"}


# Packages that are none any more.
def rewritten(change):
    """The package after `change(structure, tensors)`, its content hash right again."""
    data = package.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__")
    structure = json.loads(metadata["automask_package"])
    tensors = {n: [e["dtype"], e["shape"], data[8 + size + e["data_offsets"][0]:8 + size + e["data_offsets"][1]]] for n, e in header.items()}
    change(structure, tensors)
    text = json.dumps(structure)
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        dtype, shape, content = tensors[name]
        digest.update(f"{name} {dtype} {','.join(map(str, shape))} {len(content)}\n".encode() + content)
    order = sorted(tensors, key=lambda n: (["F32", "I32", "F16", "I16", "I8", "U8"].index(tensors[n][0]), n))
    header, body = {"__metadata__": {"automask_package": text, "sha256": digest.hexdigest()}}, b""
    for name in order:
        dtype, shape, content = tensors[name]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(content)]}
        body += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def shorter_masks(structure, tensors):
    dtype, shape, content = tensors["masks"]
    tensors["masks"] = [dtype, [shape[0], shape[1] - 1], b"".join(content[i * shape[1]:(i + 1) * shape[1] - 1] for i in range(shape[0]))]


whole = package.read_bytes()
assert rewritten(lambda s, t: None) != b"" and len(whole) > 4096
BAD = {
    "another version": (rewritten(lambda s, t: s.update(format_version=9)), "this program reads 1"),
    "another hash": (whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:], "the file is damaged"),
    "shorter masks": (rewritten(shorter_masks), "masks"),
    "cut": (whole[:-40], "bad.safetensors"),
}
bad = folder / "bad.safetensors"
bad.write_bytes(rewritten(lambda s, t: None))
verify(bad)  # so the rewriting is not what is refused
for what, (content, word) in BAD.items():
    bad.write_bytes(content)
    for words in (("verify", bad), ("export", bad, "--format", "onnx", "-o", folder / "bad.onnx")):
        text = am(*words, check=8).stderr
        assert word in text and text.count("\n") == 1 and str(bad) in text, (what, text)
assert not (folder / "bad.onnx").exists()

# What cannot be meant is said in one sentence.
for words, *command in (
        (["did you mean \"cpu\"?"], "verify", package, "--target", "cpuu"),
        (["--checkpoint", "no such file"], "verify", package, "--checkpoint", folder / "none"),
        (["no such folder"], "verify", package, "--data", folder / "none"),
        (["fashion_mnist"], "verify", run["automask", "f"], "--data", f"cifar={FASHION}"),
        (["--data"], "export", checkpoint, "--format", "package", "--numbers", "int8"),
        (["did you mean \"jpeg:q10\"?"], "export", checkpoint, "--format", "onnx", "--condition", "jpeg:q11"),
        (["holds int8 numbers"], "export", integers, "--format", "onnx"),
        (["no run's key begins so"], "export", "0" * 12, "--format", "package"),
        (["--model resnet18"], "export", "resnet18", "--format", "onnx"),
        (["take onnx-qdq"], "export", package, "--format", "onnx", "--numbers", "int8"),
        (["holds weights and no network", "--model"], "export", SOURCE / "tests/fuzz/corpus/pth/zip.pth", "--format", "onnx")):
    text = am(*command, check=2).stderr
    assert text.count("\n") == 1 and all(word in text for word in words), (words, text)
integers.rename(folder / "away")
assert "is gone" in am("verify", run["automask", "q"], check=4).stderr
print(f"{len(run)} runs exported and verified")
