#!/usr/bin/env bash
# run.sh FUZZER CORPUS SECONDS: fuzzes from the seeds in CORPUS and fails on a crash, a leak, an input that takes 10 s or
# 2 GiB. The inputs found stay in a temporary folder; one that fails is kept in build/fuzz-failures and named.
set -euo pipefail
fuzzer=$1 corpus=$2 seconds=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures="$(dirname "$fuzzer")/../fuzz-failures/"
mkdir -p "$failures" "$work/corpus"
[[ -n $(ls "$corpus") ]] || { echo "no seeds in $corpus"; exit 1; }
cd "$work"
"$fuzzer" "$work/corpus" "$corpus" -max_total_time="$seconds" -rss_limit_mb=2048 -malloc_limit_mb=2048 -timeout=10 \
  -max_len=8192 -artifact_prefix="$failures" -print_final_stats=1 -print_funcs=0 2>&1 |
  grep -vE '^#[0-9]+[[:space:]]+(NEW|REDUCE|RELOAD|pulse)|# Uses: |commended (D|d)ictionary'
