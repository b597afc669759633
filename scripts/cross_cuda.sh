#!/usr/bin/env bash
# cross_cuda.sh OUTPUT [SYSROOT_INCLUDE]: builds the CUDA runner for a Jetson's ARM cores (aarch64, Linux) with Debian's
# g++-aarch64-linux-gnu, from the project that the board itself builds; nlohmann-json is the host's (header only). AUTOMASK_CMAKE_ARGS holds further arguments of CMake.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
[[ $# -ge 1 ]] || { sed -n '2,3s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir -p "$1"
output=$(cd "$1" && pwd)
include=${2:-/usr/include}
compiler=${CROSS_CXX:-aarch64-linux-gnu-g++}
command -v "$compiler" >/dev/null || { echo "cross_cuda.sh: $compiler is not installed (Debian: g++-aarch64-linux-gnu)" >&2; exit 77; }
# Only nlohmann-json: the host's other headers are for another processor.
mkdir -p "$output/include"
ln -sfn "$include/nlohmann" "$output/include/nlohmann"
cmake -S "$root/hw_targets/cuda/board" -B "$output/build" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
  -DCMAKE_CXX_COMPILER="$compiler" -DAUTOMASK_NLOHMANN="$output/include" ${AUTOMASK_CMAKE_ARGS:-} >&2
cmake --build "$output/build" -j2 >&2
echo "$output/build/automask-runner-cuda"
