#!/usr/bin/env bash
# Builds build/bert-finetune and the library beside it in Release, after scripts/setup.sh. Further arguments go to
# CMake's configuration.
set -euo pipefail
unset CDPATH  # with it cd looks elsewhere first, and prints where it went
case "${1:-}" in -h|--help) echo "usage: scripts/build.sh [CMake's arguments]" >&2; exit 2 ;; esac
cd "$(dirname "$0")/.."
echo "build    configuring and compiling into build/ (first time: some minutes)"
mkdir -p build
# CMake's cache keeps where another LibTorch and its nvcc were found.
found="${LIBTORCH:-$(readlink -m build/libtorch)} ${CUDAToolkit_ROOT:-}"
fresh=(); [ "$(cat build/libtorch.found 2>/dev/null)" = "$found" ] || fresh=(--fresh)
echo "$found" > build/libtorch.found
cmake "${fresh[@]}" -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release "$@" > build/configure.log 2>&1 ||
  { cat build/configure.log >&2; exit 1; }
ninja -C build --quiet "${BERTFT_TARGET:-bert-finetune}"
