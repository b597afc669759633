#!/usr/bin/env python3
"""Rejects includes against the arrows of ARCHITECTURE.md, and sources that do not include their own header first.

    check_includes.py SOURCE_DIR      exit 1 and one line per wrong include
    check_includes.py --self-test     shows that a wrong include is found
"""
import pathlib
import re
import sys
import tempfile

# room -> rooms it may include, besides itself. Longest prefix names the room.
ALLOWED = {
    "core": [],
    "datasets": ["core"],
    "corruptions": ["core", "datasets"],
    "graph": [],
    "models": ["core", "graph"],
    "methods": ["core", "graph", "datasets", "corruptions", "models", "hw_targets/package"],
    "hw_targets/package": ["graph"],
    "hw_targets/compiler": ["core", "graph", "models", "hw_targets/package"],
    "hw_targets/protocol": [],
    "hw_targets/host": ["core", "hw_targets/protocol", "hw_targets/package"],
    "hw_targets/cpu": ["core", "graph", "models", "hw_targets/package", "hw_targets/protocol"],
    "hw_targets/z7020": ["graph", "hw_targets/package", "hw_targets/protocol"],
    "hw_targets/cuda": ["graph", "hw_targets/package", "hw_targets/protocol"],
    "results": ["core"],
}
# harness sees all. Inside it: manifest -> plan -> execute -> launch -> cli, each includes only those before it;
# steps/ is the other program and shares only the step contract.
EVERYTHING = ["harness"]
# Heavy libraries and the rooms that may include them.
LIBRARIES = {
    r"torch/|ATen/|c10/": ["models", "methods", "hw_targets/compiler", "hw_targets/cpu", "harness/steps", "harness/evaluate_tool",
                              "harness/package_tool"],
    r"opencv2/": ["datasets", "corruptions", "harness/steps", "harness/evaluate_tool"],
    r"sqlite3|SQLiteCpp": ["results"],
    r"onnx/|google/protobuf/": ["models"],
}
HARNESS_FORBIDDEN = {  # headers of the harness that must not see later ones
    "manifest": ["plan", "execute", "launch", "cli"],
    "plan": ["execute", "launch", "cli"],
    "execute": ["launch", "cli"],
    "launch": ["cli"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)


def room_of(path, rooms):
    return max((r for r in rooms if path == r or path.startswith(r + "/")), key=len, default=None)


def check(root):
    rooms = list(ALLOWED) + EVERYTHING
    wrong, seen = [], 0
    for file in sorted(root.rglob("*")):
        if file.suffix not in (".h", ".cpp", ".hpp", ".cc", ".cu"):
            continue
        name = file.relative_to(root).as_posix()
        room = room_of(name, rooms)
        if room is None:
            continue
        seen += 1
        includes = list(INCLUDE.finditer(file.read_text(encoding="utf-8", errors="replace")))
        # So that compiling a source shows that its header needs nothing before it.
        own = pathlib.PurePath(name).with_suffix(".h").as_posix()
        if file.suffix == ".cpp" and (root / own).exists() and (not includes or includes[0].group(1) != own):
            wrong.append(f"{name}: must include {own} before all others")
        for match in includes:
            quoted, angled = match.groups()
            target = quoted or angled
            other = room_of(target, rooms)
            if other and other != room and room not in EVERYTHING and other not in ALLOWED[room]:
                wrong.append(f"{name}: {room} must not include {target}")
            for pattern, allowed in LIBRARIES.items():
                if re.match(pattern, target) and not any(name.startswith(a + "/") for a in allowed):
                    wrong.append(f"{name}: <{target}> is only for {', '.join(allowed)}")
            if room == "harness" and other == "harness" and not name.startswith("harness/steps/"):
                stem, included = pathlib.PurePath(name).stem, pathlib.PurePath(target).stem
                if included in HARNESS_FORBIDDEN.get(stem, []):
                    wrong.append(f"{name}: {stem} comes before {included}")
    return wrong, seen


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in {
            "graph/a.h": '#include "core/json.h"\n',
            "results/b.cpp": '#include "harness/step.h"\n',
            "core/c.h": "#include <opencv2/core.hpp>\n",
            "harness/plan.h": '#include "harness/cli.h"\n',
            "graph/d.h": "",
            "graph/d.cpp": '#include <string>\n#include "graph/d.h"\n',
            "models/fine.h": '#include "graph/graph.h"\n#include <torch/torch.h>\n',
            "models/fine.cpp": '#include "models/fine.h"\n#include <string>\n',
        }.items():
            (root / path).parent.mkdir(exist_ok=True)
            (root / path).write_text(text)
        wrong, _ = check(root)
        assert len(wrong) == 5, wrong
    print("5 wrong includes found, as they must be")


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return
    wrong, seen = check(pathlib.Path(sys.argv[1]))
    for line in wrong:
        print(line)
    if seen < 20:
        sys.exit(f"only {seen} source files found: is {sys.argv[1]} the source folder?")
    print(f"{seen} files, {len(wrong)} wrong includes")
    sys.exit(1 if wrong else 0)


main()
