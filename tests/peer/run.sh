#!/usr/bin/env bash
# run.sh VENV SCRIPT ARGUMENTS: runs a peer comparison in the environment, or says how to make it (exit 77: skipped).
set -euo pipefail
venv=$1
shift
if [[ ! -f $venv/made-for ]]; then
  echo "skipped: $venv is missing; scripts/test-venv.sh makes it (needs python3-venv and the Python package index)"
  exit 77
fi
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec "$venv/bin/python" "$@"
