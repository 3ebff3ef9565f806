#!/usr/bin/env bash
# The same set-up as quickstart.sh, then builds and runs every test.
#
#   scripts/test.sh [ctest arguments]      for example: scripts/test.sh -L unit
#
# BERTFT_DATA_DIR=DIR adds the tests on real data, which is no part of this repository (squad/, xquad/,
# vocab/ and more); without it they skip and say so.
set -euo pipefail
unset CDPATH  # with it cd looks elsewhere first, and prints where it went
case "${1:-}" in -h|--help) echo "usage: [BERTFT_DATA_DIR=DIR] scripts/test.sh [ctest's arguments]" >&2; exit 2 ;; esac
if [ -n "${BERTFT_DATA_DIR:-}" ]; then
  BERTFT_DATA_DIR=$(cd "$BERTFT_DATA_DIR" && pwd)
  if [ ! -f "$BERTFT_DATA_DIR/squad/squad-v2.0-dev.json" ]; then
    echo "error: BERTFT_DATA_DIR is $BERTFT_DATA_DIR, which has no squad/squad-v2.0-dev.json." >&2
    exit 1
  fi
fi
cd "$(dirname "$0")/.."
scripts/setup.sh --tests
if [ -n "${BERTFT_DATA_DIR:-}" ]; then
  mkdir -p build/data
  rebuilt=build/data/squad-v2.0-train-rebuilt.json
  if [ ! -f $rebuilt ]; then
    gzip -dc "$BERTFT_DATA_DIR/squad/$(basename $rebuilt).gz" > $rebuilt.part
    mv $rebuilt.part $rebuilt
  fi
fi

# build_sanitized FOLDER SANITIZERS [target...]: the torch-free rooms, by clang
build_sanitized() {
  local log=build/configure-sanitized.log folder=$1 sanitizers=$2
  shift 2
  cmake -S . -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=clang++-19 -DBERTFT_FUZZ=ON \
    -DBERTFT_BUILD_TESTS=ON -DBERTFT_WITH_TORCH=OFF -DBERTFT_SANITIZE="$sanitizers" \
    -DCMAKE_CXX_FLAGS=-Wno-deprecated-declarations > $log 2>&1 || { cat $log >&2; exit 1; }
  ninja -C "$folder" --quiet "$@"
}
echo "build    the torch-free rooms with sanitizers, their tests and fuzz targets (clang)"
build_sanitized build/sanitized address,undefined,float-cast-overflow
build_sanitized build/sanitized/threads thread util_tests data_tests  # the rooms of them that have threads

BERTFT_TARGET=all scripts/build.sh -DBERTFT_BUILD_TESTS=ON -DBERTFT_WERROR=ON -DBERTFT_DATA_DIR="${BERTFT_DATA_DIR:-}" \
  -DBERTFT_SANITIZED_DIR="$PWD/build/sanitized"
status=0
ctest --test-dir build --output-on-failure --parallel "$(nproc)" "$@" || status=$?
grep -h '^skipped [0-9]* of ' build/Testing/Temporary/LastTest.log || true  # ctest tells only where all are skipped
exit $status
