#!/usr/bin/env bash
# Makes the Python environment of the tests that compare with other programs (tests/peer): build/test-venv, made once and
# kept while tests/peer/requirements.txt stays as it is. Prints nothing and does nothing when it is there.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=build/test-venv
wanted=$(sha256sum <tests/peer/requirements.txt)
[[ -f $venv/made-for && $(<"$venv/made-for") == "$wanted" ]] && exit 0
echo "Making $venv from tests/peer/requirements.txt" >&2
rm -rf "$venv"
mkdir -p build
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r tests/peer/requirements.txt >&2
echo "$wanted" >"$venv/made-for"
