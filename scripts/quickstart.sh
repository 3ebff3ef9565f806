#!/usr/bin/env bash
# From nothing to a fine-tuned model on the CPU: installs what is missing, builds, trains on
# the data in configs/quickstart, evaluates. No GPU needed; run it again whenever you like.
set -euo pipefail
unset CDPATH  # with it cd looks elsewhere first, and prints where it went
[ $# = 0 ] || { echo "usage: scripts/quickstart.sh" >&2; exit 2; }
cd "$(dirname "$0")/.."
scripts/setup.sh
BERTFT_TARGET=bert-finetune scripts/build.sh
echo "train    build/bert-finetune --config configs/quickstart.yaml --overwrite"
build/bert-finetune --config configs/quickstart.yaml --overwrite

/usr/bin/python3 - <<'PYTHON'
import json
import sys
events = [json.loads(line) for line in open("runs/quickstart/metrics.jsonl", encoding="utf-8")]
losses = [e["loss"] for e in events if e["kind"] == "log"]
evals = [e["metrics"] for e in events if e["kind"] == "eval"]
print(f"result   loss {losses[0]:.2f} -> {losses[-1]:.2f}"
      f"   exact {evals[0]['exact']:.1f} -> {evals[-1]['exact']:.1f}"
      f"   f1 {evals[0]['f1']:.1f} -> {evals[-1]['f1']:.1f}   in runs/quickstart")
if losses[-1] > losses[0] / 2 or any(evals[-1][key] <= evals[0][key] for key in ("exact", "f1")):
    sys.exit("error: the model has learned less than it should; please report it with runs/quickstart/train.log")
PYTHON
echo "try      build/bert-finetune predict runs/quickstart --question 'Who ...?' --context-file FILE"
