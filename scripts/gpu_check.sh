#!/usr/bin/env bash
# Everything that needs a GPU, in one short visit: tests, training runs, the timed step beside the Hugging Face loop
# and memory probes, the most valuable answers first. Prints one table; exits non-zero on a failure.
# Not yet run on a GPU.
#
#   BERTFT_DATA_DIR=DIR scripts/gpu_check.sh           on a machine with a GPU and a network: installs, builds, checks
#   BERTFT_DATA_DIR=DIR scripts/gpu_check.sh --pack    elsewhere, after a build: what a visit needs, in build/gpu-visit.tgz
#   tar xzf build/gpu-visit.tgz && BERTFT_PYTHON=python3 scripts/gpu_check.sh --packed    on the GPU's machine, offline,
#                                                      in a copy of the same source tree
#
# BERTFT_PARTS="tests runs speed memory" chooses among the parts.
# BERTFT_PYTHON: an interpreter with torch and transformers, default build/peers/bin/python; its torch is the packed
# programs' LibTorch. OUT: where log.txt, the output of all commands, is left; default build.
set -uo pipefail
unset CDPATH  # with it cd looks elsewhere first, and prints where it went
case "$#${1:-}" in 0|1--pack|1--packed) ;; *) echo "usage: scripts/gpu_check.sh [--pack | --packed]" >&2; exit 2 ;; esac
here=$PWD
cd "$(dirname "$0")/.."
visit=build/gpu-visit
programs=(build/bert-finetune build/libbert-finetune-{torch,cuda}.so build/tests/gpu_tests build/scripts/bench/step_bench)
# What was packed is of these sources, and what is run with it must be.
fingerprint() { find CMakeLists.txt configs include scripts src tests third_party -type f ! -name '*.pyc' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16; }
real_data() { (cd "$here" && cd "${BERTFT_DATA_DIR:?set it to the folder of the real data}" && pwd); }

pack() {
  set -e
  local data
  data=$(real_data)
  ninja -C build bert-finetune gpu_tests step_bench
  rm -rf $visit && mkdir -p $visit/libs $visit/model $visit/data/squad $visit/data/vocab
  cp -L "${programs[@]}" $visit
  ldd "${programs[@]}" |
    sed -nE 's,.* => (/.*/lib(fmt|spdlog|yaml-cpp|utf8proc|sentencepiece|protobuf-lite|crypto|gtest|gmock|benchmark)[^/]*) \(0x.*,\1,p' |
    sort -u | xargs -d '\n' cp -L -t $visit/libs
  cp "$data/squad/squad-v2.0-train-10k.json" $visit/data/squad
  cp "$data/vocab/bert-base-uncased-vocab.txt" $visit/data/vocab
  build/peers/bin/python - build/minilm $visit/model <<'END'  # weights in half the bytes: less has to travel
import pathlib, shutil, sys
from safetensors.torch import load_file, save_file
source, target = map(pathlib.Path, sys.argv[1:])
weights = load_file(source / "model.safetensors")
save_file({name: w.half() for name, w in weights.items() if w.is_floating_point()}, target / "model.safetensors", {"format": "pt"})
for name in "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt":
    shutil.copy(source / name, target / name)
END
  { fingerprint; git describe --always --dirty; } > $visit/source
  tar czf $visit.tgz $visit
  ls -l $visit.tgz
}
if [ "${1:-}" = --pack ]; then
  pack
  exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=${OUT:-build}/log.txt
mkdir -p "$(dirname "$log")" && : > "$log"
python=${BERTFT_PYTHON:-build/peers/bin/python}
export HF_HUB_OFFLINE=1
failed=0
row() { printf '%-34s %s\n' "$1" "$2"; }
try() {  # NAME COMMAND...: output in $work/last, all of it in the log too; of a failure its end here
  local name=$1 code; shift
  "$@" > "$work/last" 2>&1; code=$?
  { echo "=== $name: exit $code"; cat "$work/last"; } >> "$log"
  [ $code = 0 ] && return
  row "$name" "FAILED ($code)"; tail -n 12 "$work/last" | cut -c1-300 | sed 's/^/    /'
  failed=1; return 1
}
ours() { local name=$1; shift; LD_LIBRARY_PATH=${libraries:-${LD_LIBRARY_PATH:-}} timeout 180 "$bin/$name" "$@"; }
peer() { timeout 120 "$python" "$@"; }
check() { local start=$SECONDS; try "$@" && row "$1" "ok, $((SECONDS - start)) s"; }
tell() { row "  $1" "$(grep -oE "$2" "$work/last" | tail -n 1)"; }  # NAME PATTERN, of the last command's output
figures() {  # NAME COMMAND...: of its JSON line
  try "$@" && row "$1" "$(grep -oE '"(features_per_s_median_step|peak_(memory|gpu)_mib|last_loss)": [0-9.eNa]+' "$work/last" | tr '\n' ' ')"
}
precision_flags() { [ "$1" = fp32 ] && echo --no-bf16 || echo "--$1"; }  # bf16 is on by itself where there is one
wanted() { [[ " ${BERTFT_PARTS:-tests runs speed memory} " == *" $1 "* ]]; }

nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader || { echo "no GPU here" >&2; exit 69; }
IFS=', ' read -r capability card_mib < <(nvidia-smi --query-gpu=compute_cap,memory.total --format=csv,noheader,nounits -i 0)
halves=(bf16 fp16)
[ "${capability%.*}" -ge 8 ] || { halves=(fp16); row "bf16" "skipped: this GPU is older than Ampere"; }
bin=$PWD/$visit
if [ "${1:-}" = --packed ]; then
  [ "$(head -n 1 $visit/source)" = "$(fingerprint)" ] || { echo "packed from other sources: --pack again" >&2; exit 1; }
  row "commit" "$(tail -n 1 $visit/source)"
  model=$visit/model data=$PWD/$visit/data
  packages=$("$python" -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parent.parent)') || exit 69
  # What was set before stays: it may be where the driver is.
  libraries=$packages/torch/lib:$(printf '%s:' "$packages"/nvidia/*/lib)$bin/libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
else
  model=build/minilm
  data=$(real_data) || exit 66
  check "set-up" scripts/setup.sh --tests
  check "build" env BERTFT_TARGET=all scripts/build.sh -DBERTFT_BUILD_TESTS=ON -DBERTFT_DATA_DIR="$data"
  mkdir -p "$bin"
  ln -sf "${programs[@]/#/$PWD/}" "$bin"
fi
quickstart=(ours bert-finetune --config configs/quickstart.yaml --model-name-or-path "$model" --device cuda)
check "program starts" ours bert-finetune --build-info || exit 1  # nothing further could pass
check "device is found" "${quickstart[@]}" --dry-run --output-dir "$work/dry" || exit 1
tell "device" 'device .*'
tell "memory" 'memory .*'

tests() {  # NAME FILTER: in a process of its own, since an error of the device ends all that follow
  check "$1" ours gpu_tests --gtest_filter="$2"
  tell "passed" '\[  PASSED  \] .*'
  grep -E 'Failure$|^ *(Actual|Which is): |exceeds' "$work/last" | cut -c1-160 | sed 's/^/    /'
  grep -oE '^\[  (FAILED|SKIPPED) +\] [A-Z][^ (]*' "$work/last" | sort -u | sed 's/^/    /'
}
if wanted tests; then
  kernels='*GpuAttention*:Gpu.Is*Named:Gpu.Draws*'
  tests "tests of the kernels" "$kernels"
  tests "tests of steps and memory" "-$kernels:*GpuMemoryCard*"  # cards are emulated below
fi
losses() { grep -oE '"kind":"log".*"loss":[0-9.e-]+' "$work/run-$1/metrics.jsonl" | grep -oE '[0-9.e-]+$'; }
same_losses() {  # of the same steps, whatever fits at a time. Of the first ten lines: later steps carry differences on
  paste -d ' ' <(losses fp32) <(losses micro) | head -n 10 |
    awk '{ off = $1 - $2; if (NF != 2 || off * off > 1e-6 * $1 * $1) { print; wrong = 1 } } END { exit wrong || NR == 0 }'
}
if wanted runs; then
  for precision in "${halves[@]}" fp32; do
    # shellcheck disable=SC2046
    check "quickstart, $precision" "${quickstart[@]}" $(precision_flags $precision) --output-dir "$work/run-$precision"
    tell "result" 'exact [0-9.]+  f1 [0-9.]+  at threshold.*'
    tell "speed" 'done .*'
  done
  check "micro-batches of 4" "${quickstart[@]}" --no-bf16 --micro-batch-features 4 --output-dir "$work/run-micro"
  tell "result" 'exact [0-9.]+  f1 [0-9.]+  at threshold.*'
  for run in fp32 micro; do row "  losses of run-$run" "$(losses $run | tr '\n' ' ')"; done
  check "losses are the same" same_losses
  check "probe before training" "${quickstart[@]}" --set probe_memory=auto --max-steps 2 --output-dir "$work/run-probed"
  tell "found" 'probe +(the whole|micro_batch).*'
fi

train=$data/squad/squad-v2.0-train-10k.json
base=$work/bert-base
if wanted speed || wanted memory; then
  check "a BERT-base of random weights" peer scripts/bench/random_bert.py "$base" "$data/vocab/bert-base-uncased-vocab.txt"
fi
if wanted speed; then  # ours first: a visit that is cut off loses the peer only
  steps=(--train "$train" --max-samples 1500 --max-steps 40 --batch 32 --device cuda)
  for precision in "${halves[0]}" fp32; do
    flag=(); [ "$precision" = fp32 ] || flag=("--$precision")
    for shape in "$base" "$model"; do
      figures "ours $(basename "$shape") $precision" ours step_bench --model "$shape" "${steps[@]}" "${flag[@]}"
    done
  done
  for precision in "${halves[0]}" fp32; do
    flag=(); [ "$precision" = fp32 ] || flag=("--$precision")
    for shape in "$base" "$model"; do
      figures "hugging face $(basename "$shape") $precision" \
        peer scripts/bench/hf_train.py --model "$shape" --steps-only "${steps[@]}" "${flag[@]}"
    done
  done
fi

# Small cards, emulated by the limit: what a card of so many GiB leaves beside CUDA's context. With decay all rows of the
# word table are in the run, as they were in Google's.
context_mib=768
probe() {  # GIB LENGTH PRECISION [PUBLISHED]
  local name="probe $1 GiB, length $2, $3"
  [ $(($1 * 1024)) -le "$card_mib" ] || { row "$name" "skipped: more than this card has"; return; }
  # shellcheck disable=SC2046
  check "$name" ours bert-finetune --model-name-or-path "$base" --train-file "$train" --max-train-samples 3000 \
    --device cuda $(precision_flags "$3") --max-seq-length "$2" --doc-stride 0 --output-dir "$work/probe-$1-$2-$3" --probe-memory \
    --memory-limit "$(($1 * 1024 - context_mib))MiB" --memory-reserve 0 --per-device-train-batch-size 2048 \
    --weight-decay 0.01 || return
  row "  found${4:+ (Google published $4)}" \
    "$(grep -o 'largest: .*' "$work/last"); trials $(grep -cE ' (yes|no) ' "$work/last"), did not fit: $(grep -c ' no ' "$work/last")"
}
if wanted memory; then
  half=${halves[0]}
  probe 12 384 fp32 12
  for gib in 12 8 24; do probe $gib 384 "$half"; done
  for pair in 128:32 512:6 64:64 256:16 320:14; do probe 12 ${pair%:*} fp32 ${pair#*:}; done
  for gib in 8 24; do probe $gib 384 fp32; done
  for gib in 11 16 40 80; do probe $gib 384 "$half"; done
fi
exit $failed
