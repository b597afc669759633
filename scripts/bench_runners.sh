#!/usr/bin/env bash
# bench_runners.sh [BUILD [NETWORK ...]]: the cpu runner beside onnxruntime, in one run; needs scripts/test-venv.sh.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$root/build/release}
shift || true
cmake --build "$build" --target latency_tool >/dev/null
# run.sh's one thread is for comparisons of numbers; this script gives each side its own.
exec "$root/tests/peer/run.sh" "${AUTOMASK_TEST_VENV:-$root/build/test-venv}" "$root/tests/peer/bench_runners.py" \
  "$build/bin/latency_tool" "$@"
