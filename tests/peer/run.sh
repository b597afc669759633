#!/usr/bin/env bash
# run.sh VENV [--debian] SCRIPT ARGUMENTS: runs a peer comparison in the environment, or says how to make it (exit 77:
# skipped). With --debian Debian's Python runs it, which has torchvision.
set -euo pipefail
venv=$1
shift
if [[ ! -f $venv/made-for ]]; then
  echo "skipped: $venv is missing; scripts/test-venv.sh makes it (needs python3-venv and the Python package index)"
  exit 77
fi
python=$venv/bin/python
if [[ $1 == --debian ]]; then
  shift
  python=/usr/bin/python3
  "$python" -c "import torchvision" 2>/dev/null || {
    echo "skipped: $python has no torchvision; scripts/install-deps.sh --tests installs it"
    exit 77
  }
fi
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec "$python" "$@"
