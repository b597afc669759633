#!/usr/bin/env bash
# cross_z7020.sh OUTPUT [SYSROOT_INCLUDE]: builds the Z7020 runner for the board's ARM cores (Cortex-A9, Linux, hard float)
# with Debian's g++-arm-linux-gnueabihf, statically; nlohmann-json is the host's (header only).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
[[ $# -ge 1 ]] || { sed -n '2,3s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir -p "$1"
output=$(cd "$1" && pwd)
include=${2:-/usr/include}
compiler=${CROSS_CXX:-arm-linux-gnueabihf-g++}
command -v "$compiler" >/dev/null || { echo "cross_z7020.sh: $compiler is not installed (Debian: g++-arm-linux-gnueabihf)" >&2; exit 77; }
# Only nlohmann-json: the host's other headers are for another processor.
mkdir -p "$output/include"
ln -sfn "$include/nlohmann" "$output/include/nlohmann"
sources=("$root"/graph/*.cpp "$root"/hw_targets/package/*.cpp "$root"/hw_targets/protocol/*.cpp
         "$root"/hw_targets/z7020/*.cpp "$root"/hw_targets/z7020/hls/*.cpp)
# The boards' profiles, as CMake builds them in.
python3 - "$root/hw_targets/z7020" "$output" <<'PY'
import pathlib, sys
room, output = map(pathlib.Path, sys.argv[1:])
text = (room / "builtin_boards.cpp.in").read_text()
for name in ("zedboard", "pynq_z2"):
    text = text.replace(f"@AUTOMASK_{name.upper()}@", (room / "boards" / f"{name}.json").read_text())
(output / "builtin_boards.cpp").write_text(text)
PY
sources+=("$output/builtin_boards.cpp")
flags=(-std=c++14 -O2 -mcpu=cortex-a9 -mfpu=neon -ffp-contract=off -Wall -Wextra -Wno-unknown-pragmas -Wno-unused-label -Wno-psabi
       -I "$root" -isystem "$output/include")
objects=()
for source in "${sources[@]}"; do
  object=$output/$(echo "${source#"$root"/}" | tr '/' '_').o
  objects+=("$object")
  [[ $object -nt $source ]] || "$compiler" "${flags[@]}" -c "$source" -o "$object"
done
"$compiler" -static "${objects[@]}" -o "$output/automask-runner-z7020"
echo "$output/automask-runner-z7020"
