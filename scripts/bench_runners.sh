#!/usr/bin/env bash
# bench_runners.sh [BUILD [NETWORK ... | --rounds N | --threads N ...]]: the cpu runner beside onnxruntime, in one run.
# Makes the Python environment for it where there is none; AUTOMASK_TEST_VENV names another.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$root/build/release}
shift || true
cmake --build "$build" --target latency_tool >/dev/null
[[ -n ${AUTOMASK_TEST_VENV:-} ]] || "$root/scripts/test-venv.sh"
# run.sh's one thread is for comparisons of numbers; this script gives each side its own.
exec "$root/tests/peer/run.sh" "${AUTOMASK_TEST_VENV:-$root/build/test-venv}" "$root/tests/peer/bench_runners.py" \
  "$build/bin/latency_tool" "$@"
