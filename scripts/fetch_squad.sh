#!/usr/bin/env bash
# Brings the two official SQuAD 2.0 files to data/ and checks their sizes and SHA-256. What
# is there and good is left alone; a download that broke off is continued.
#
#   scripts/fetch_squad.sh [FILE_LIST]
#
# FILE_LIST: lines "NAME BYTES SHA256" instead of the official ones.
# Environment: BERTFT_SQUAD_URL, where the files lie, for a mirror; BERTFT_SQUAD_DIR, where
# they go (default: data/ in the repository).
set -euo pipefail
unset CDPATH  # with it cd looks elsewhere first, and prints where it went

url=${BERTFT_SQUAD_URL:-https://rajpurkar.github.io/SQuAD-explorer/dataset}
dir=${BERTFT_SQUAD_DIR:-$(dirname "$0")/../data}
official="\
train-v2.0.json 42123633 68dcfbb971bd3e96d5b46c7177b16c1a4e7d4bdef19fb204502738552dede002
dev-v2.0.json    4370528 80a5225e94905956a6446d296ca1093975c4d3b3260f1d6c8f68bc2ab77182d8"

fail() {  # FACT [WHAT_TO_DO]
  printf 'error: %s\n' "$1" >&2
  [ $# = 1 ] || printf '       %s\n' "$2" >&2
  exit 1
}
say() { printf '%-16s %6s  %s\n' "$1" "$(awk -v b="$2" 'BEGIN { printf "%.1f", b / 1e6 }') MB" "$3"; }
size_of() { stat -c %s "$1"; }
is_good() {  # FILE BYTES SHA256
  [ -f "$1" ] && [ "$(size_of "$1")" = "$2" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$3" ]
}

download() {  # URL PART; says in `how` when it had to begin anew
  local status=0
  curl --fail --location --silent --show-error --retry 3 --connect-timeout 20 \
    -C - --output "$2" "$1" || status=$?
  [ "$status" = 33 ] || return "$status"
  # The server cannot continue a file: all of it, then.
  rm -f "$2"
  how=downloaded
  curl --fail --location --silent --show-error --retry 3 --connect-timeout 20 --output "$2" "$1"
}

# The part file becomes the file only when its sum is right.
fetch() {  # NAME BYTES SHA256
  local name=$1 bytes=$2 sum=$3 file=$dir/$1 part=$dir/$1.part how=downloaded
  if is_good "$file" "$bytes" "$sum"; then say "$name" "$bytes" "there already, ok sha256"; return; fi
  [ ! -e "$file" ] || fail "$file is not the official file." \
    "Move it away (this script does not overwrite it) and run this again."
  if [ -f "$part" ] && [ "$(size_of "$part")" -ge "$bytes" ]; then
    is_good "$part" "$bytes" "$sum" || rm "$part"
  fi
  if [ -f "$part" ]; then how="continued from byte $(size_of "$part")"; fi
  if ! is_good "$part" "$bytes" "$sum"; then
    download "$url/$name" "$part" ||
      fail "could not download $url/$name" "Run this again: it continues where it stopped."
  fi
  if ! is_good "$part" "$bytes" "$sum"; then
    local found; found=$(size_of "$part" 2>/dev/null || echo 0)
    rm -f "$part"
    fail "$url/$name is not the official file: $found bytes, expected $bytes with SHA-256 $sum" \
      "It was removed; run this again, or name another source with BERTFT_SQUAD_URL."
  fi
  mv "$part" "$file"
  say "$name" "$bytes" "$how, ok sha256"
}

[ $# -le 1 ] || { echo "usage: scripts/fetch_squad.sh [FILE_LIST]" >&2; exit 2; }
for tool in curl sha256sum; do
  command -v "$tool" >/dev/null || fail "$tool is missing; install it with  apt-get install curl coreutils"
done
if [ $# = 1 ]; then
  [ -f "$1" ] || fail "$1: no such file list"
  list=$(cat "$1")
else
  list=$official
fi
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
while read -r name bytes sum; do
  [ -n "$name" ] || continue
  fetch "$name" "$bytes" "$sum"
done <<< "$list"
