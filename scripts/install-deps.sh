#!/usr/bin/env bash
# Installs every Debian package the build, the tests and the examples need. Says so and does nothing when all are there.
#
#   scripts/install-deps.sh            what building and running need
#   scripts/install-deps.sh --tests    the same and what the tests need
#   scripts/install-deps.sh --list     prints the packages, one a line (the Containerfile reads this)
set -euo pipefail

# ocl-icd-opencl-dev: libdnnl-dev's CMake package asks for OpenCL without depending on it.
build=(g++ make cmake ninja-build ccache pkg-config git ca-certificates
       libtorch-dev libopenblas0-pthread libopencv-dev nlohmann-json3-dev libsqlite3-dev libsqlitecpp-dev libcli11-dev
       libbenchmark-dev libgtest-dev libgmock-dev libfmt-dev libssl-dev libvalijson-dev
       libdnnl-dev ocl-icd-opencl-dev libjpeg62-turbo-dev libpng-dev
       libwebp-dev libopenjp2-7-dev libavcodec-dev libarchive-dev zlib1g-dev
       libonnx-dev libprotobuf-dev dataset-fashion-mnist libboost-context-dev)
# clang-14 with libclang-rt-14-dev: libFuzzer (43 MiB more than clang-tidy's clang). qemu-user: an older processor, and
# the Z7020's ARM cores, which g++-arm-linux-gnueabihf compiles for, and a Jetson's (g++-aarch64-linux-gnu).
# libboost-context-dev: the fibers of the CUDA kernels' launch shim.
tests=(python3 python3-venv imagemagick sqlite3 chromium clang-format clang-tidy binutils procps qemu-user
       clang-14 libclang-rt-14-dev openssh-client openssh-server python3-torch python3-torchvision
       g++-arm-linux-gnueabihf g++-aarch64-linux-gnu)

wanted=("${build[@]}")
list=false
for argument in "$@"; do
  case "$argument" in
    --tests) wanted+=("${tests[@]}") ;;
    --list) list=true ;;
    -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "install-deps.sh: unknown option $argument; see --help" >&2; exit 2 ;;
  esac
done
if $list; then
  printf '%s\n' "${wanted[@]}"
  exit 0
fi

system=$(. /etc/os-release 2>/dev/null && echo "${ID:-unknown} ${VERSION_ID:-}" || echo unknown)
if [[ "$system" != "debian 12" ]]; then
  cat >&2 <<EOF
install-deps.sh: this machine runs "$system"; packages are installed for you on Debian 12 only.
Two ways on: build the container (podman build -t automask -f Containerfile . ; it converts with
apptainer build automask.sif docker-archive:...), or install the equivalents of the packages that
"scripts/install-deps.sh --list" prints and build with CMake as CONTRIBUTING.md says.
EOF
  exit 2
fi

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  echo "All ${#wanted[@]} packages are installed." >&2
  exit 0
fi

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null || {
    echo "install-deps.sh: ${#missing[@]} packages are missing (${missing[*]}) and neither root nor sudo is at hand;" \
         "ask an administrator, or use the Containerfile." >&2
    exit 2
  }
  as_root=(sudo)
fi
echo "Installing ${#missing[@]} packages: ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
