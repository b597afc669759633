#!/usr/bin/env bash
# bench_cuda.sh [--build DIR] [--format json|text] [--device N]
# The CUDA kernels: held against plain loops, compiled for the TX2 (sm_62) and newer GPUs with the registers they take,
# and, where there is a GPU, ResNet-18's layers timed dense and with half of the channels masked. Without a GPU the
# times are null. NVRTC comes from the tests' environment, or from AUTOMASK_NVRTC_FOLDER.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/release
arguments=()
while [[ $# -gt 0 ]]; do
  case "$1" in
    --build) build=$2; shift 2 ;;
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) arguments+=("$1"); shift ;;
  esac
done
cmake --build "$build" --target cuda_report >&2
folder=${AUTOMASK_NVRTC_FOLDER:-}
if [[ -z $folder ]]; then
  "$root/scripts/test-venv.sh" >&2 || echo "bench_cuda.sh: no environment for the tests, so no NVRTC is tried" >&2
  for each in "$root"/build/test-venv/lib/python3*/site-packages/nvidia/cuda_nvrtc/lib; do folder=$each; done
fi
exec "$build/bin/cuda_report" --nvrtc "$folder" ${arguments[@]+"${arguments[@]}"}
