#!/usr/bin/env bash
# Installs what the tests need, builds everything, runs every test.
#
#   scripts/test.sh [PRESET] [ctest options]      e.g. scripts/test.sh asan -R unit.graph
set -euo pipefail
cd "$(dirname "$0")/.."
preset=release
case "${1:-}" in
  -h | --help) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
  dev | release | asan | tsan) preset=$1; shift ;;
esac
scripts/install-deps.sh --tests
scripts/test-venv.sh
scripts/build.sh "$preset"
exec ctest --test-dir "build/$preset" --output-on-failure --no-tests=error --parallel "$(nproc)" "$@"
