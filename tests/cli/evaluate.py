"""`automask evaluate` on a network that experiments/smoke.json trains: evaluate.py BIN SOURCE."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fault"))
from common import *  # noqa: E402

need_fashion()
folder = scratch()
automask("run", SMOKE, "--store", folder / "store", "--filter", "method=clean", "--progress",
         "none", check=0)
(weights,) = (folder / "store/cache/train").glob("*/checkpoint.safetensors")
idx = FASHION / "t10k-images-idx3-ubyte.gz"
(folder / "list").write_text("".join(f"t10k-images-idx3-ubyte/{i:06}\n" for i in range(0, 2000, 5)))
chain = "gaussian_noise:2 > jpeg:q30"
common = ["--seed", "3", "--subset", folder / "list"]
for layout in ("folder", "shards"):
    automask("corrupt", idx, folder / layout, "--condition", "clean", "--condition", chain, "--corruptions", "fog", "--layout",
             layout, *common, check=0)


def evaluate(data, *more, check=0):
    done = automask("evaluate", "--weights", weights, "--data", data, "--format", "json", "--progress", "none", *more, check=check)
    return json.loads(done.stdout) if check == 0 else done.stderr


def rows_of(result):
    return {row["condition"]: row for row in result["rows"]}


# The same accuracy over files, shards and pictures made on the fly, for any number of threads.
fresh = evaluate(idx, "--corruptions", "fog", "--condition", chain, "--threads", "2", *common)
rows = rows_of(fresh)
assert rows["clean"]["n"] == 400 and rows["clean"]["top1"] > 30 and rows[chain]["top1"] < rows["clean"]["top1"], rows
for layout in ("folder", "shards"):
    for threads in ("1", "3"):
        assert rows_of(evaluate(folder / layout, "--threads", threads)) == rows, layout
only = evaluate(folder / "shards", "--condition", chain)
assert rows_of(only) == {chain: rows[chain]}
assert rows_of(evaluate(idx, "--condition", chain, "--seed", "4", "--subset", folder / "list")) != rows_of(only)

# CE of fog, by its definition, over AlexNet and over the network itself.
(fog,) = fresh["robustness"]["corruptions"]
mean = sum(100 - rows[f"fog:{s}"]["top1"] for s in range(1, 6)) / 5
assert abs(fog["error"]["value"] - mean) < 1e-9 and abs(fog["ce"]["value"] - mean / 0.819324) < 1e-9, fog
assert fresh["robustness"]["mce"] is None and len(fresh["robustness"]["missing"]) == 14
(folder / "own.json").write_text(json.dumps(fresh))
own = evaluate(folder / "folder", "--normaliser", folder / "own.json")["robustness"]
assert abs(own["corruptions"][0]["ce"]["value"] - 100) < 1e-9 and own["normaliser"] == "tinynet", own

# Class folders are matched by their names, whatever their order.
names = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
lines = [json.loads(line) for line in (folder / "folder/index.jsonl").read_text().splitlines()][1:]
named, strange = folder / "named", folder / "strange"
kept = [line for line in lines if line["label"] != 0]  # "T-shirt/top" is no folder's name
for line in kept:
    for root, name in ((named, names[line["label"]]), (strange, "class " + "zyxwvutsrq"[line["label"]])):
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / pathlib.Path(line["name"]).name).symlink_to(folder / "folder/clean" / line["name"])
(folder / "ids").write_text("".join(f"{line['path']}\n" for line in kept))
by_name, by_number = evaluate(named), evaluate(folder / "folder", "--condition", "clean")
right = round(rows["clean"]["top1"] * 4)
wrong_shirts = by_number["errors"]["clean"] - by_name["errors"]["clean"]
without_shirts = evaluate(idx, "--subset", folder / "ids")
assert by_name["errors"] == without_shirts["errors"] and by_name["rows"][0]["n"] == len(kept), (by_name, without_shirts)
automask("corrupt", named, folder / "named-out", "--condition", "clean", check=0)
assert evaluate(folder / "named-out")["errors"] == by_name["errors"]
(folder / "classes").write_text("".join(f"{name.split()[0]} {name}\n" for name in names))
assert evaluate(folder / "named-out", "--classes", folder / "classes")["errors"] == by_name["errors"]

# What does not fit is said.
for words, *arguments in (
        (["holds a tinynet, not a resnet18"], folder / "folder", "--model", "resnet18"),
        (["9 classes", "--classes FILE"], strange),
        (["was not written under snow:3"], folder / "folder", "--condition", "snow:3"),
        (["lacks the class \"Ankle boot\"", "and 350 more"], folder / "named-out", "--classes", folder / "list")):
    text = evaluate(*arguments, check=2)
    for word in words:
        assert word in text, f"{word!r} is missing in: {text}"
flat = folder / "flat"
flat.mkdir()
shutil.copy(next((named / "Bag").iterdir()), flat / "a.png")
text = automask("evaluate", "--weights", weights, "--data", flat, "--progress", "none").stderr
assert "class" in text or "label" in text, text
damaged = folder / "damaged.safetensors"
damaged.write_bytes(weights.read_bytes()[:-100])
text = automask("evaluate", "--weights", damaged, "--data", folder / "folder", "--progress", "none", check=8).stderr
assert "damaged.safetensors" in text, text
print(f"top-1 {rows['clean']['top1']:.1f} % clean, {rows[chain]['top1']:.1f} % under {chain}: the same from files, shards and memory")
