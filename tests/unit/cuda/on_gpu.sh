#!/usr/bin/env bash
# on_gpu.sh BUILD: every kernel on the GPU at hand, under compute-sanitizer where that is installed. Exit 77: skipped, no GPU.
set -euo pipefail
tests=("$1/bin/cuda_test" --gtest_filter='OnGpu/*')
output=$("${tests[@]}" --gtest_filter='OnGpu/Kernels.DoTheRest/float') || { echo "$output"; exit 1; }
if grep -q SKIPPED <<< "$output"; then
  grep -m1 'no NVIDIA GPU\|libnvrtc\|driver' <<< "$output" || echo "$output"
  exit 77
fi
grep -m1 '^on ' <<< "$output"
if command -v compute-sanitizer > /dev/null; then
  exec compute-sanitizer --error-exitcode 3 "${tests[@]}"
fi
echo "compute-sanitizer is not installed: the kernels are compared, their memory accesses are not checked"
exec "${tests[@]}"
