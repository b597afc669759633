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
# A benchmark that misses its limit, or computes something else than its peer, is an error there and no more than that.
if grep -q '"error_occurred": true' "$out"; then
  echo "bench.sh: these failed:" >&2
  grep -B20 '"error_occurred": true' "$out" | sed -n 's/.*"name": "\(.*\)",/  \1/p' | sort -u >&2
  exit 6
fi
