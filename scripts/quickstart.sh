#!/usr/bin/env bash
# Installs the packages, builds, runs experiments/quickstart.json, prints the tables and the report's path.
# Further arguments go to `automask run`, e.g. scripts/quickstart.sh --store /tmp/store
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ "${1:-}" == "-h" || "${1:-}" == "--help" ]]; then sed -n '2,3s/^# \{0,1\}//p' "$0"; exit 0; fi
scripts/install-deps.sh
scripts/build.sh release automask automask-step automask-data automask-evaluate automask-models automask-runner-cpu
exec build/release/bin/automask run experiments/quickstart.json "$@"
