"""Compares logits and 20 training steps with Hugging Face's, real checkpoint, fp32.

usage: model_parity.py HELPER BERT_FINETUNE DATA_DIR MODEL_DIR WORK_DIR

Makes the windows with `data features`, the reference values with hf_model_reference.py, and lets HELPER, the
program made of model_parity.cpp, compare.
"""

import pathlib
import subprocess
import sys

import hf_model_reference

HELPER, PROGRAM, DATA_DIR, MODEL_DIR, WORK_DIR = sys.argv[1:]
NUM_LOGITS, NUM_TRAIN = 200, 64
work = pathlib.Path(WORK_DIR)
work.mkdir(parents=True, exist_ok=True)
squad = pathlib.Path(DATA_DIR) / "squad" / "squad-v2.0-train-mini.json"
features = work / "features.jsonl"
with features.open("w", encoding="utf-8") as out:
    subprocess.run([PROGRAM, "data", "features", squad, "--model", MODEL_DIR, "--training"], stdout=out, check=True)

for mode, count in (("logits", NUM_LOGITS), ("train", NUM_TRAIN)):
    hf_model_reference.main([mode, "--model", MODEL_DIR, "--features", str(features), "--count", str(count), "--out",
                             str(work / mode)])
sys.exit(subprocess.run([HELPER, MODEL_DIR, squad, work / "logits.safetensors", work / "train.safetensors",
                         str(NUM_TRAIN)]).returncode)
