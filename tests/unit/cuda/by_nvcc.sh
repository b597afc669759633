#!/usr/bin/env bash
# by_nvcc.sh BUILD: the runner's host side compiled by nvcc, where a CUDA toolkit is. Exit 77: skipped.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2> /dev/null || true)
if [[ -z $nvcc ]]; then
  echo "by_nvcc.sh: no nvcc; it comes with NVIDIA's CUDA toolkit"
  exit 77
fi
mkdir -p "$1/nvcc"
for source in "$root"/hw_targets/cuda/*.cpp "$1/hw_targets/cuda/kernel_texts.cpp"; do
  "$nvcc" -std=c++14 -x cu -I "$root" -c "$source" -o "$1/nvcc/$(basename "$source").o"
done
echo "$("$nvcc" --version | grep -o 'release [0-9.]*') compiles all of hw_targets/cuda"
