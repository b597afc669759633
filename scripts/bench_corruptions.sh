#!/usr/bin/env bash
# Times our corruptions and imagecorruptions side by side, one thread each: scripts/bench_corruptions.sh [--format json]
# [--edition fixed|compat|imagecorruptions] [--operators NAME,...] [--repeat N]. Run it on a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ "${1:-}" == -h || "${1:-}" == --help ]]; then sed -n '2,3s/^# \{0,1\}//p' "$0"; exit 0; fi
scripts/install-deps.sh --tests
scripts/test-venv.sh
scripts/build.sh release corruptions_tool
exec tests/peer/run.sh build/test-venv tests/peer/bench_corruptions.py build/release/bin/corruptions_tool "$@"
