#!/usr/bin/env bash
# Rewrites golden.json from what the build computes now: tests/golden/approve.sh [BUILD_DIR]. Read git diff afterwards.
set -euo pipefail
cd "$(dirname "$0")/../.."
AUTOMASK_APPROVE=1 "${1:-build/release}/bin/golden_test"
git diff --stat -- tests/golden
