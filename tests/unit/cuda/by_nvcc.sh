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
compile() { "$1" -std=c++14 -x cu -O0 -I "$2" -c "$4" -o "$3/nvcc/$(basename "$4").o"; }
export -f compile
printf '%s\0' "$root"/hw_targets/cuda/*.cpp | xargs -0 -P 2 -I {} bash -c 'compile "$@"' _ "$nvcc" "$root" "$1" {}
echo "$("$nvcc" --version | grep -o 'release [0-9.]*') compiles all of hw_targets/cuda"
