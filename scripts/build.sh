#!/usr/bin/env bash
# Configures and builds one preset: scripts/build.sh [PRESET] [CMake target ...]; PRESET is release by default.
# Set AUTOMASK_CMAKE_ARGS for more, e.g. AUTOMASK_CMAKE_ARGS="-DCMAKE_PREFIX_PATH=/opt/libtorch".
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
shift || true
targets=()
for target in "$@"; do targets+=(--target "$target"); done
# LibTorch's headers need about 1.5 GiB a compiler: no more jobs than memory allows.
memory_jobs=$(awk '/MemAvailable/ {print int($2 / 1500000) > 0 ? int($2 / 1500000) : 1}' /proc/meminfo)
jobs=$(nproc)
[[ $memory_jobs -lt $jobs ]] && jobs=$memory_jobs
# shellcheck disable=SC2086
cmake --preset "$preset" ${AUTOMASK_CMAKE_ARGS:-} >&2
cmake --build "build/$preset" --parallel "$jobs" "${targets[@]}" >&2
