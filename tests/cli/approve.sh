#!/usr/bin/env bash
# Rewrites the goldens from what the build prints now: tests/cli/approve.sh [BUILD_DIR]. Read git diff afterwards.
set -euo pipefail
cd "$(dirname "$0")/../.."
python3 tests/cli/check.py "${1:-build/release}/bin/automask" --approve
git diff --stat -- tests/cli/golden
