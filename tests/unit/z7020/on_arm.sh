#!/usr/bin/env bash
# on_arm.sh BUILD: the runner for the board's ARM cores, under qemu-user: contract, outputs, refusals, and
# a board of files, whose engine the test plays. Exit 77: skipped.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
command -v qemu-arm >/dev/null || { echo "on_arm.sh: qemu-arm is not installed (Debian: qemu-user)" >&2; exit 77; }
runner=$("$root/scripts/cross_z7020.sh" "$1/arm")
AUTOMASK_Z7020_RUNNER="qemu-arm $runner" exec "$1/bin/z7020_test" --gtest_filter='Z7020Runner.*:BoardRunner.*'
