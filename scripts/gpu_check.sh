#!/usr/bin/env bash
# Everything that needs a GPU, in one short visit: tests, training runs, the timed step beside the
# Hugging Face loop and memory probes. Prints one table; exits non-zero on a failure.
# Not yet run on a GPU.
#
#   BERTFT_DATA_DIR=DIR scripts/gpu_check.sh [MODEL_DIR]     default: build/minilm
#
# BERTFT_PREBUILT=1 takes build/ as it is: nothing is installed or built, so no network is needed. LibTorch
# is then that of BERTFT_PYTHON, and Debian's libraries are those that `scripts/gpu_check.sh --pack` has put
# into build/gpu-libs on the machine that built.
# BERTFT_PYTHON: an interpreter with torch and transformers; default: build/peers/bin/python.
set -uo pipefail
if [ "${1:-}" = --pack ]; then
  cd "$(dirname "$0")/.." && mkdir -p build/gpu-libs
  ldd build/bert-finetune build/tests/gpu_tests build/scripts/bench/step_bench |
    grep -oE '/[^ ]*/lib(fmt|spdlog|yaml-cpp|utf8proc|sentencepiece|protobuf-lite|crypto|gtest|gmock|benchmark)[^ ]*' |
    sort -u | xargs cp -L -t build/gpu-libs
  exit
fi
data=$(cd "${BERTFT_DATA_DIR:?set it to the folder of the real data}" && pwd) || exit 66
cd "$(dirname "$0")/.."
model=${1:-build/minilm}
out=${OUT:-build/gpu-check}
python=${BERTFT_PYTHON:-build/peers/bin/python}
mkdir -p "$out"
failed=0
row() { printf '%-34s %s\n' "$1" "$2"; }
check() {  # NAME COMMAND...
  local name=$1 start=$SECONDS; shift
  if "$@" > "$out/${name// /-}.log" 2>&1; then row "$name" "ok, $((SECONDS - start)) s"; else
    row "$name" "FAILED (see $out/${name// /-}.log)"; failed=1; fi
}
figures() {  # NAME COMMAND...: prints features/s and peak memory of the JSON line
  local name=$1; shift
  "$@" > "$out/${name// /-}.json" 2> "$out/${name// /-}.log" || { row "$name" FAILED; failed=1; return; }
  row "$name" "$(grep -o '"features_per_s_median_step": [0-9.]*\|"peak_[a-z_]*": [0-9.]*' "$out/${name// /-}.json" | tr '\n' ' ')"
}

nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader || { echo "no GPU here" >&2; exit 69; }
if [[ ${BERTFT_PREBUILT:-0} != 1 ]]; then
  check "set-up" scripts/setup.sh --tests
  check "build" env BERTFT_TARGET=all scripts/build.sh -DBERTFT_BUILD_TESTS=ON -DBERTFT_DATA_DIR="$data"
  check "build of the benchmark" ninja -C build step_bench
else
  packages=$("$python" -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parent.parent)') || exit 69
  export LD_LIBRARY_PATH=$packages/torch/lib:$(echo "$packages"/nvidia/*/lib | tr ' ' :):$PWD/build/gpu-libs
fi
check "program starts" build/bert-finetune --build-info
[ $failed = 0 ] || exit 1  # nothing further can pass
check "device is found" build/bert-finetune --config configs/quickstart.yaml --device cuda --dry-run --output-dir "$out/dry"
check "tests on the GPU" build/tests/gpu_tests
for precision in true false; do
  check "quickstart on cuda, bf16 $precision" build/bert-finetune --config configs/quickstart.yaml --device cuda \
    --set bf16=$precision --output-dir "$out/run-$precision" --overwrite
done
check "micro-batches of 4" build/bert-finetune --config configs/quickstart.yaml --device cuda --set bf16=true \
  --micro-batch-features 4 --output-dir "$out/run-micro" --overwrite
check "probe before training" build/bert-finetune --config configs/quickstart.yaml --device cuda --set probe_memory=auto \
  --max-steps 2 --output-dir "$out/run-probed" --overwrite

train=$data/squad/squad-v2.0-train-10k.json
base=$out/bert-base
check "a BERT-base of random weights" "$python" - "$base" "$data/vocab/bert-base-uncased-vocab.txt" <<'END'
import pathlib, shutil, sys
from transformers import BertConfig, BertModel
BertModel(BertConfig()).save_pretrained(sys.argv[1])
shutil.copy(sys.argv[2], f"{sys.argv[1]}/vocab.txt")
pathlib.Path(sys.argv[1], "tokenizer_config.json").write_text('{"do_lower_case": true}')
END
for shape in "$model" "$base"; do
  for precision in "" --bf16; do
    name="$(basename "$shape") ${precision:-fp32}"
    figures "ours $name" build/scripts/bench/step_bench --model "$shape" --train "$train" --max-steps 40 --batch 32 --device cuda $precision
    figures "hugging face $name" "$python" scripts/bench/hf_train.py --model "$shape" \
      --train "$train" --steps-only --max-steps 40 --batch 32 --device cuda $precision
  done
done

# Small cards, emulated by the limit.
card_mib=$(nvidia-smi --query-gpu=memory.total --format=csv,noheader,nounits | head -n 1)
probe() {  # GIB LENGTH PUBLISHED
  local name="probe of $1 GiB at length $2"
  if [ $(($1 * 1024)) -gt "$card_mib" ]; then row "$name" "left out: the card has $card_mib MiB"; return; fi
  check "$name" build/bert-finetune --model-name-or-path "$base" --train-file "$train" --device cuda --bf16 false \
    --max-seq-length "$2" --doc-stride 0 --output-dir "$out/probe-$1-$2" --probe-memory --memory-limit "$1GiB" \
    --per-device-train-batch-size 2048
  row "  found${3:+ (Google published $3)}" "$(grep 'largest: ' "$out/${name// /-}.log")"
}
for gib in 8 11 16 24 40 72; do probe $gib 384 ""; done
for pair in 64:64 128:32 256:16 320:14 384:12 512:6; do probe 12 ${pair%:*} ${pair#*:}; done
exit $failed
