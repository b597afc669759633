#!/usr/bin/env bash
# Runs the benchmarks and writes their results as JSON: scripts/bench.sh [FILE.json] [Google Benchmark options]
# Run it on a quiet machine; each benchmark checks its result before it counts time.
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/bench.json
if [[ "${1:-}" == *.json ]]; then out=$1; shift; fi
scripts/install-deps.sh
scripts/build.sh release automask-bench automask automask-step automask-runner-cpu
mkdir -p "$(dirname "$out")"
build/release/bin/automask-bench --benchmark_out="$out" --benchmark_out_format=json "$@"
echo "Results: $out" >&2
