#!/usr/bin/env bash
# What `automask corrupt` costs in time and memory: scripts/bench_writer.sh SRC [PICTURES]; SRC holds labelled photographs.
# Run it on a quiet machine; tests/perf/writer_bench.py says what is measured.
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ $# -lt 1 || "$1" == -* ]]; then sed -n '2,3s/^# \{0,1\}//p' "$0"; exit 2; fi
scripts/install-deps.sh
scripts/build.sh release automask automask-data
exec python3 tests/perf/writer_bench.py build/release/bin "$@"
