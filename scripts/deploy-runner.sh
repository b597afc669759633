#!/usr/bin/env bash
# deploy-runner.sh [OPTION ...] HOST: the CUDA runner onto a Jetson (or any machine with an NVIDIA GPU): copies the sources
# it needs with nlohmann-json's headers over ssh, builds them there with the machine's own tools, asks the runner about its
# device and registers it here.
#   --name NAME       what manifests will call it (tx2)
#   --directory DIR   on HOST, made where it is missing (automask-runner)
#   --runners DIR     where the runner file goes (~/.config/automask/runners)
#   --cmake-option WORD   of the build there; may be repeated
#   --ssh-option WORD one further argument of ssh, kept in the runner file; may be repeated
#   --dry-run         prints all it would do
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
usage() { sed -n '2,11s/^# \{0,1\}//p' "$0"; }
fail() { echo "deploy-runner.sh: $*" >&2; exit 2; }
name=tx2 directory=automask-runner dry=false host=
runners=${XDG_CONFIG_HOME:-$HOME/.config}/automask/runners
options=() cmake_options=()
while [[ $# -gt 0 ]]; do
  case "$1" in
    --name | --directory | --runners | --cmake-option | --ssh-option)
      [[ $# -ge 2 ]] || fail "$1 needs a value"
      case "$1" in
        --name) name=$2 ;;
        --directory) directory=$2 ;;
        --runners) runners=$2 ;;
        --cmake-option) cmake_options+=("$2") ;;
        --ssh-option) options+=("$2") ;;
      esac
      shift 2 ;;
    --dry-run) dry=true; shift ;;
    -h | --help) usage; exit 0 ;;
    -*) fail "unknown option $1; see --help" ;;
    *) [[ -z $host ]] || fail "one host at a time, not $host and $1"; host=$1; shift ;;
  esac
done
[[ -n $host ]] || { usage >&2; exit 2; }
[[ $name =~ ^[A-Za-z0-9_-]+$ ]] || fail "no name for a runner: $name"
# It stands between quotes in commands for the other shell.
[[ $directory =~ ^[A-Za-z0-9_./~-]+$ ]] || fail "the directory may hold letters, digits and _./~- only: $directory"

# Without the launch shim and the tests, which belong to the host.
sources=(graph hw_targets/package hw_targets/protocol hw_targets/cuda)
json=${AUTOMASK_NLOHMANN:-}
for each in /usr/include /usr/local/include; do
  [[ -n $json || ! -f $each/nlohmann/json.hpp ]] || json=$each
done
[[ -f $json/nlohmann/json.hpp ]] || fail "nlohmann/json.hpp is not found; install nlohmann-json3-dev or set AUTOMASK_NLOHMANN"

extra=
for each in ${cmake_options[@]+"${cmake_options[@]}"}; do extra+=" $(printf %q "$each")"; done
unpack="mkdir -p $directory && tar xzf - -C $directory"
build="cd $directory && mkdir -p build && cd build && cmake -DAUTOMASK_NLOHMANN=\"\$PWD/../include\"$extra ../hw_targets/cuda/board && make -j\$(nproc 2>/dev/null || echo 2)"
where="cd $directory/build && pwd"
file=$runners/$name.json
if $dry; then
  echo "would copy to $host:$directory: ${sources[*]} (without shim/), and $json/nlohmann as include/nlohmann"
  echo "would run on $host: $unpack"
  echo "would run on $host: $build"
  echo "would write $file: the runner $name, which ssh starts on $host"
  echo "would ask it: automask runners probe $name"
  exit 0
fi

there() { ssh -o BatchMode=yes ${options[@]+"${options[@]}"} "$host" "$1"; }
echo "Copying the sources to $host:$directory" >&2
tar -czf - -C "$root" --exclude='hw_targets/cuda/shim' "${sources[@]}" -C "$json" --transform='s,^nlohmann,include/nlohmann,' nlohmann |
  there "$unpack"
echo "Building there" >&2
there "$build" >&2
program=$(there "$where")/automask-runner-cuda
mkdir -p "$runners"
python3 - "$name" "$program" "$host" ${options[@]+"${options[@]}"} >"$file.new" <<'PY'
import json, sys
name, program, host, *options = sys.argv[1:]
print(json.dumps({"name": name, "command": [program], "ssh": {"host": host, "options": options},
                  "limits": {"prepare": 1800}}))
PY
mv "$file.new" "$file"
echo "Registered as $name in $file" >&2
automask=$root/build/release/bin/automask
[[ -x $automask ]] || automask=$(command -v automask || true)
if [[ -n $automask ]]; then
  AUTOMASK_RUNNERS=$runners "$automask" runners probe "$name"
else
  echo "See what it tells about its device: automask runners probe $name" >&2
fi
