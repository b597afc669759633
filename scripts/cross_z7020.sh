#!/usr/bin/env bash
# cross_z7020.sh OUTPUT [NLOHMANN_INCLUDE]: builds the Z7020 runner for the board's ARM cores (Cortex-A9, Linux, hard float)
# with Debian's g++-arm-linux-gnueabihf, statically, by hw_targets/z7020/board/CMakeLists.txt.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
[[ $# -ge 1 ]] || { sed -n '2,3s/^# \{0,1\}//p' "$0" >&2; exit 2; }
compiler=${CROSS_CXX:-arm-linux-gnueabihf-g++}
command -v "$compiler" >/dev/null || { echo "cross_z7020.sh: $compiler is not installed (Debian: g++-arm-linux-gnueabihf)" >&2; exit 77; }
mkdir -p "$1"
output=$(cd "$1" && pwd)
# As CMake 3.10 knows it: without -S and -B.
(cd "$output" && cmake -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=arm -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_BUILD_TYPE=Release -DAUTOMASK_STATIC=ON ${2:+-DNLOHMANN_INCLUDE="$2"} "$root/hw_targets/z7020/board" >&2)
cmake --build "$output" -- -j"${JOBS:-2}" >&2
echo "$output/automask-runner-z7020"
