#!/usr/bin/env bash
# z7020_report.sh [--build DIR] [--format json|text] [--board NAME] [--no-simulation] [NETWORK ...]
# The Z7020 engine's figures on the zoo's published networks: cycle model, resources, and the simulated engine against
# the integer reference on one picture each, which takes minutes for VGG-16.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/release
arguments=()
while [[ $# -gt 0 ]]; do
  case "$1" in
    --build) build=$2; shift 2 ;;
    -h | --help) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) arguments+=("$1"); shift ;;
  esac
done
cmake --build "$build" --target z7020_report >&2
exec "$build/bin/z7020_report" ${arguments[@]+"${arguments[@]}"}
