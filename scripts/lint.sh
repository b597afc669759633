#!/usr/bin/env bash
# Formatting of every source file, and clang-tidy on those without LibTorch (with --all: on all; slow).
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t sources < <(git ls-files '*.h' '*.cpp')
clang-format --dry-run --Werror "${sources[@]}"
mapfile -t units < <(git ls-files '*.cpp' | grep -v '^tests/')
if [[ "${1:-}" != "--all" ]]; then
  mapfile -t units < <(grep -L -E 'torch/|models/network.h' "${units[@]}")
fi
[[ -f build/release/compile_commands.json ]] || cmake --preset release >/dev/null
printf '%s\n' "${units[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy -p build/release --quiet
