#!/usr/bin/env bash
# on_arm.sh BUILD: the runner as a Jetson builds it, under qemu-user. There is no GPU: it starts, speaks the protocol and
# says why. Exit 77: skipped.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
command -v qemu-aarch64 >/dev/null || { echo "on_arm.sh: qemu-aarch64 is not installed (Debian: qemu-user)" >&2; exit 77; }
launcher=$(command -v ccache || true)
# The fastest build there is: what is tested is that it builds and starts.
export AUTOMASK_CMAKE_ARGS="-DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER_LAUNCHER=$launcher"
runner=$("$root/scripts/cross_cuda.sh" "$1/aarch64")
AUTOMASK_CUDA_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu $runner" \
  "$1/bin/cuda_test" --gtest_filter='CudaRunner.SaysWhyThereIsNoGpu' | tee "$1/aarch64/output"
grep -q "PASSED.* 1 test" "$1/aarch64/output"
